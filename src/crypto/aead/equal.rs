//! Values of one width and with one AAD: gathered side by side, as the processor's form for them takes them, and put back.

use super::TAG_LEN;
use super::gcm::{Fields, Gcm, Opening, Sealing, Start};

/// Values that are gathered.
const ROOM: usize = 64;
const EQUAL: &str = "the widths are equal";

struct Gathered<const WIDTH: usize> {
    nonces: [[u8; 12]; ROOM],
    texts: [[u8; WIDTH]; ROOM],
    tags: [[u8; TAG_LEN]; ROOM],
}

impl<const WIDTH: usize> Gathered<WIDTH> {
    fn new() -> Self {
        Self { nonces: [[0; 12]; ROOM], texts: [[0; WIDTH]; ROOM], tags: [[0; TAG_LEN]; ROOM] }
    }

    fn first(&mut self, count: usize) -> Fields<'_> {
        Fields {
            nonces: &self.nonces[..count],
            texts: self.texts[..count].as_flattened_mut(),
            tags: &mut self.tags[..count],
        }
    }
}

/// Seals the fields, which have plaintexts of this width.
#[inline]
pub(super) fn seal<'f, const WIDTH: usize>(
    gcm: &Gcm,
    aad: &Start,
    mut fields: impl Iterator<Item = Sealing<'f>>,
) {
    // No plaintext stays in it: the ciphertext takes its place.
    let mut gathered = Gathered::<WIDTH>::new();
    loop {
        let mut outs: [&mut [u8]; ROOM] = std::array::from_fn(|_| &mut [][..]);
        let mut count = 0;
        while count < ROOM
            && let Some(field) = fields.next()
        {
            gathered.nonces[count] = *field.nonce.to_be_bytes().first_chunk().expect("16 >= 12");
            gathered.texts[count] = field.plaintext.try_into().expect(EQUAL);
            outs[count] = field.out;
            count += 1;
        }
        if count == 0 {
            return;
        }
        gcm.seal_column(aad, WIDTH, gathered.first(count));
        for (out, (text, tag)) in outs.into_iter().take(count).zip(gathered.texts.iter().zip(&gathered.tags))
        {
            let (text_out, tag_out) = out.split_first_chunk_mut().expect(EQUAL);
            *text_out = *text;
            tag_out.copy_from_slice(tag);
        }
    }
}

/// Opens the fields, which have plaintexts of this width.
#[inline]
pub(super) fn open<'f, const WIDTH: usize>(
    gcm: &Gcm,
    aad: &Start,
    mut fields: impl Iterator<Item = Opening<'f>>,
) {
    let mut gathered = Gathered::<WIDTH>::new();
    loop {
        let mut fields: [Option<Opening<'f>>; ROOM] = std::array::from_fn(|_| fields.next());
        let count = fields.iter().flatten().count();
        if count == 0 {
            break;
        }
        for (i, field) in fields.iter_mut().flatten().enumerate() {
            let (text, tag) = field.sealed.split_first_chunk().expect(EQUAL);
            gathered.nonces[i] = *field.nonce.to_be_bytes().first_chunk().expect("16 >= 12");
            gathered.texts[i] = *text;
            gathered.tags[i] = tag.try_into().expect(EQUAL);
            *field.is_genuine = true;
        }
        gcm.open_column(aad, WIDTH, gathered.first(count), &mut |i| {
            fields[i].iter_mut().for_each(|field| *field.is_genuine = false);
        });
        for (field, text) in fields.into_iter().flatten().zip(&gathered.texts) {
            // Of one that is not genuine these are zeros.
            *<&mut [u8; WIDTH]>::try_from(field.out).expect(EQUAL) = *text;
        }
    }
    gathered.texts.as_flattened_mut().fill(0);
    std::hint::black_box(&mut gathered.texts); // so that the zeros are written
}

/// The width of all, if they have one for which there is a form.
pub(super) fn width(mut lengths: impl Iterator<Item = usize>) -> Option<usize> {
    let width = lengths.next()?;
    (Gcm::has_column(width) && lengths.all(|length| length == width)).then_some(width)
}
