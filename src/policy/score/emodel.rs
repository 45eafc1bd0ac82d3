//! The E-model of ITU-T G.107 (06/2015), narrowband, in full: R = Ro - Is - Id - Ie,eff + A. Equation numbers are the
//! Recommendation's.
//!
//! Delays follow one convention: T = Ta and Tr = 2 Ta, a connection whose echo path is the whole of it.
//!
//! Wideband codecs are rated as ITU-T G.107.1 has it, as far as a comparison of codecs needs: Ro,wb 129, Is,wb 0, the
//! constant 95 in Ie,eff kept, and MOS from R / 1.29. Its delay impairment and the advantage factor are taken as the
//! narrowband ones times 1.29, so that both mean the same opinion to a wideband and a narrowband call, and never decide
//! between their codecs.

/// What the wideband scale of R is divided by to compare with the narrowband one (ITU-T G.107.1, annex A).
pub const WIDEBAND_SCALE: f64 = 1.29;
/// R of a wideband call without any impairment (ITU-T G.107.1 section 7.2).
const RO_WIDEBAND: f64 = 129.0;

/// The parts of a connection that are planned rather than measured. `Default` gives the values of ITU-T G.107 table 3.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Send loudness rating (SLR), dB.
    pub slr: f64,
    /// Receive loudness rating (RLR), dB.
    pub rlr: f64,
    /// Sidetone masking rating (STMR), dB.
    pub stmr: f64,
    /// Listener sidetone rating (LSTR), dB: STMR plus the D-value of the receiving telephone.
    pub lstr: f64,
    /// D-value of the sending telephone (Ds).
    pub ds: f64,
    /// Talker echo loudness rating (TELR), dB.
    pub telr: f64,
    /// Weighted echo path loss (WEPL), dB.
    pub wepl: f64,
    /// Quantizing distortion units (qdu), 1 or more.
    pub qdu: f64,
    /// Circuit noise at the 0 dBr point (Nc), dBm0p.
    pub nc: f64,
    /// Noise floor at the receive side (Nfor), dBmp.
    pub nfor: f64,
    /// Room noise at the send side (Ps), dB(A).
    pub ps: f64,
    /// Room noise at the receive side (Pr), dB(A).
    pub pr: f64,
    /// Advantage factor (A), 0 to 20.
    pub advantage: f64,
    /// Delay sensitivity (sT), 0.4 to 1.
    pub delay_sensitivity: f64,
    /// Minimum perceivable delay (mT), ms, above 0.
    pub perceivable_delay_ms: f64,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            slr: 8.0,
            rlr: 2.0,
            stmr: 15.0,
            lstr: 18.0,
            ds: 3.0,
            telr: 65.0,
            wepl: 110.0,
            qdu: 1.0,
            nc: -70.0,
            nfor: -64.0,
            ps: 35.0,
            pr: 35.0,
            advantage: 0.0,
            delay_sensitivity: 1.0,
            perceivable_delay_ms: 100.0,
        }
    }
}

/// What a call meets on its way, and how its codec takes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// Mouth-to-ear delay (Ta) in milliseconds, buffer and codec included.
    pub one_way_ms: f64,
    /// Packet loss (Ppl) in percent, late packets included.
    pub loss_pct: f64,
    /// Burst ratio (BurstR), 1 (random loss) or more.
    pub burst_r: f64,
    /// The codec's equipment impairment factor (Ie), on the codec's own scale.
    pub ie: f64,
    /// The codec's packet-loss robustness factor (Bpl), above 0.
    pub bpl: f64,
}

impl Call {
    /// Effective equipment impairment (Ie,eff, equation 7-29).
    pub fn ie_eff(&self) -> f64 {
        if self.loss_pct <= 0.0 {
            return self.ie;
        }
        self.ie + (95.0 - self.ie) * self.loss_pct / (self.loss_pct / self.burst_r + self.bpl)
    }
}

/// Mean opinion score of R on the narrowband scale (ITU-T G.107 annex B), 1 to 4.5; a wideband R is divided by
/// [`WIDEBAND_SCALE`] first. Where the polynomial dips below 1 (near R 6.5), it is 1.
pub fn mos(r: f64) -> f64 {
    if r <= 0.0 {
        1.0
    } else if r >= 100.0 {
        4.5
    } else {
        (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0)
    }
}

/// The terms of R, all on one scale: the narrowband one, or that of ITU-T G.107.1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rating {
    /// Basic signal-to-noise ratio (Ro).
    pub ro: f64,
    /// Simultaneous impairment (Is).
    pub is: f64,
    /// Delay impairment (Id).
    pub id: f64,
    /// Effective equipment impairment (Ie,eff): codec and loss.
    pub ie_eff: f64,
    /// Advantage factor (A).
    pub advantage: f64,
}

impl Rating {
    /// R = Ro - Is - Id - Ie,eff + A (equation 7-1).
    pub fn r(&self) -> f64 {
        self.ro - self.is - self.id - self.ie_eff + self.advantage
    }
}

impl Line {
    /// The terms of a call by a narrowband codec. R is about 93.2 at best (without an advantage), below 0 at worst.
    pub fn rating(&self, call: &Call) -> Rating {
        Rating {
            ro: self.ro(),
            is: self.is(call.one_way_ms),
            id: self.id(call.one_way_ms),
            ie_eff: call.ie_eff(),
            advantage: self.advantage,
        }
    }

    /// The terms of a call by a wideband codec, on the wideband scale. R is 129 at best (without an advantage).
    pub fn rating_wideband(&self, call: &Call) -> Rating {
        Rating {
            ro: RO_WIDEBAND,
            is: 0.0,
            id: WIDEBAND_SCALE * self.id(call.one_way_ms),
            ie_eff: call.ie_eff(),
            advantage: WIDEBAND_SCALE * self.advantage,
        }
    }

    /// Basic signal-to-noise ratio (Ro, equation 7-2).
    pub fn ro(&self) -> f64 {
        15.0 - 1.5 * (self.slr + self.noise())
    }

    /// Simultaneous impairment (Is, equation 7-8): loudness, sidetone and quantizing.
    pub fn is(&self, one_way_ms: f64) -> f64 {
        self.is_loudness() + self.is_sidetone(one_way_ms) + self.is_quantizing()
    }

    /// Delay impairment (Id, equation 7-18): talker echo, listener echo and absolute delay.
    pub fn id(&self, one_way_ms: f64) -> f64 {
        self.id_talker_echo(one_way_ms) + self.id_listener_echo(2.0 * one_way_ms) + self.idd(one_way_ms)
    }

    /// Impairment by absolute delay alone (Idd, equations 7-27 and 7-28): 0 up to the perceivable delay.
    pub fn idd(&self, one_way_ms: f64) -> f64 {
        if one_way_ms <= self.perceivable_delay_ms {
            return 0.0;
        }
        let x = (one_way_ms / self.perceivable_delay_ms).log2();
        let power = 6.0 * self.delay_sensitivity;
        let norm = |v: f64| (1.0 + v.powf(power)).powf(1.0 / power);
        25.0 * (norm(x) - 3.0 * norm(x / 3.0) + 2.0)
    }

    /// All noise at the 0 dBr point (No, equations 7-3 to 7-7), dBm0p.
    fn noise(&self) -> f64 {
        let olr = self.slr + self.rlr;
        let send_room = self.ps - self.slr - self.ds - 100.0 + 0.004 * (self.ps - olr - self.ds - 14.0).powi(2);
        let effective_room = self.pr + 10.0 * (1.0 + power((10.0 - self.lstr) / 10.0)).log10();
        let receive_room = self.rlr - 121.0 + effective_room + 0.008 * (effective_room - 35.0).powi(2);
        let floor = self.nfor + self.rlr;
        10.0 * [self.nc, send_room, receive_room, floor].iter().map(|n| power(n / 10.0)).sum::<f64>().log10()
    }

    /// Too loud a connection (Iolr, equations 7-9 and 7-10).
    fn is_loudness(&self) -> f64 {
        let x = (self.slr + self.rlr + 0.2 * (64.0 + self.noise() - self.rlr)) / 8.0;
        20.0 * ((1.0 + x.powi(8)).powf(1.0 / 8.0) - x)
    }

    /// Too much or too little sidetone (Ist, equations 7-11 and 7-12).
    fn is_sidetone(&self, one_way_ms: f64) -> f64 {
        let echo = (-one_way_ms / 4.0).exp() * power(-self.telr / 10.0);
        let stmr = -10.0 * (power(-self.stmr / 10.0) + echo).log10();
        let norm = |v: f64, n: i32| (1.0 + v.powi(n)).powf(1.0 / f64::from(n));
        12.0 * norm((stmr - 13.0) / 6.0, 8)
            - 28.0 * norm((stmr + 1.0) / 19.4, 35)
            - 13.0 * norm((stmr - 3.0) / 33.0, 13)
            + 29.0
    }

    /// Quantizing distortion (Iq, equations 7-13 to 7-17).
    fn is_quantizing(&self) -> f64 {
        let q = 37.0 - 15.0 * self.qdu.log10();
        let g = 1.07 + 0.258 * q + 0.0602 * q.powi(2);
        let y = (self.ro() - 100.0) / 15.0 + 46.0 / 8.4 - g / 9.0;
        let z = 46.0 / 30.0 - g / 40.0;
        15.0 * (1.0 + power(y) + power(z)).log10()
    }

    /// Talker echo (Idte, equations 7-19 to 7-24), T in milliseconds.
    fn id_talker_echo(&self, t: f64) -> f64 {
        let mut terv = self.telr - 40.0 * ((1.0 + t / 10.0) / (1.0 + t / 150.0)).log10() + 6.0 * (-0.3 * t * t).exp();
        if self.stmr < 9.0 {
            terv += self.is_sidetone(t) / 2.0;
        }
        let roe = -1.5 * (self.noise() - self.rlr);
        let re = 80.0 + 2.5 * (terv - 14.0);
        let half = (roe - re) / 2.0;
        let idte = (half + (half * half + 100.0).sqrt() - 1.0) * (1.0 - (-t).exp());
        if self.stmr > 20.0 { idte.hypot(self.is_sidetone(t)) } else { idte }
    }

    /// Listener echo (Idle, equations 7-25 and 7-26), Tr in milliseconds.
    fn id_listener_echo(&self, tr: f64) -> f64 {
        let rle = 10.5 * (self.wepl + 7.0) * (tr + 1.0).powf(-0.25);
        let half = (self.ro() - rle) / 2.0;
        half + (half * half + 169.0).sqrt()
    }
}

/// Ten to the power of `x`.
fn power(x: f64) -> f64 {
    10_f64.powf(x)
}

#[cfg(test)]
mod tests;
