//! Readings whose column takes each form that there is.
use picket_proto::{Gap, Reading};

/// Readings, each list in the form that its golden file is named for.
pub(crate) fn columns() -> Vec<(&'static str, Vec<Reading>)> {
    [whole(), packed()].concat()
}

/// Columns that need no residuals.
fn whole() -> Vec<(&'static str, Vec<Reading>)> {
    let mut gaps = values(&[7; 12]);
    gaps[3..6].fill(Err(Gap::TimedOut));
    gaps[11] = Err(Gap::Other(77));
    vec![
        ("column_missing", vec![Err(Gap::Denied); 6]),
        ("column_missing_new_reason", vec![Err(Gap::Other(200)); 6]),
        ("column_zero", values(&[0; 6])),
        ("column_constant", values(&[37; 6])),
        ("column_constant_clock", values(&[600_000; 6])),
        ("column_gaps", gaps),
    ]
}

/// Columns that end in residuals.
fn packed() -> Vec<(&'static str, Vec<Reading>)> {
    let mut deltas = vec![0; 60];
    (deltas[20], deltas[45]) = (3, -1);
    vec![
        (
            "column_values_fixed",
            values(&[7, 0, 5, 3, 1, 6, 2, 4, 7, 0, 6, 1]),
        ),
        (
            "column_values_rice",
            values(&[311, 305, 318, 301, 309, 335, 303, 312, 300, 306]),
        ),
        (
            "column_values_exp",
            values(&[2, 41, 0, 3, 870, 1, 5, 12, 90, 2, 0, 1]),
        ),
        (
            "column_values_sparse",
            values(&[0, 0, 0, 0, 210, 0, 0, 0, 0, 0, 0, 190, 0, 0, 0, 0, 0, 0]),
        ),
        (
            "column_deltas_rice",
            sums(
                1300,
                &[
                    3, 1, 0, 3, -2, 0, -1, 6, 1, 0, -3, 9, 4, 2, -1, -4, -6, 0, -7,
                ],
            ),
        ),
        (
            "column_deltas_exp",
            values(&[
                500, 501, 503, 498, 499, 1300, 1301, 1299, 1300, 498, 500, 501, 560,
            ]),
        ),
        ("column_deltas_sparse", sums(1_000_003, &deltas)),
        (
            "column_rises_fixed",
            values(&[86_400, 86_410, 86_420, 86_430, 86_440, 86_450]),
        ),
        (
            "column_rises_exp",
            sums(
                5_000_000,
                &[40, 43, 41, 350, 40, 47, 42, 90, 41, 40, 40, 55, 41, 44],
            ),
        ),
        (
            "column_deltas_varint",
            sums(i64::MIN, &[1 << 62, 70_001, 1 << 62, 12, 1 << 62, 1 << 50]),
        ),
        (
            "column_bends_rice",
            values(&[0, 31, 60, 88, 114, 139, 162, 184, 205, 225, 243, 260]),
        ),
        (
            "column_centred_exp",
            values(&[
                1000, 1001, 999, 1000, 1002, 1850, 1000, 998, 999, 130, 1001, 1000, 1000, 999,
            ]),
        ),
        (
            "column_listed",
            values(&[
                0, 0, 0x50005, 0x50000, 0, 0x50005, 0, 0, 0x50000, 0x50005, 0, 0, 0x50005, 0,
            ]),
        ),
        (
            "column_own_scale",
            values(&[
                2021,
                3021 - 79,
                2021 + 307 * 2,
                2021 + 307,
                2021 + 307 * 4,
                2021,
            ]),
        ),
    ]
}

fn sums(first: i64, deltas: &[i64]) -> Vec<Reading> {
    let mut sum = first;
    let rest = deltas.iter().map(|delta| {
        sum = sum.wrapping_add(*delta);
        Ok(sum)
    });
    let rest: Vec<Reading> = rest.collect();
    [Ok(first)].into_iter().chain(rest).collect()
}

fn values(values: &[i64]) -> Vec<Reading> {
    values.iter().copied().map(Ok).collect()
}
