//! Files compressed with zstd (RFC 8878).

use std::io::{self, Read as _};

use ruzstd::decoding::StreamingDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

/// Bytes of a skippable frame before its content: its magic number and its length.
const SKIPPABLE_HEADER: usize = 8;

/// Returns the uncompressed bytes of all frames. Stops after `max_bytes` and one more, so that the caller can tell that there are too many.
///
/// # Errors
/// Returns an error if the bytes are not whole zstd frames, or if a checksum does not match.
pub fn unpack(packed: &[u8], max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut rest = packed;
    let mut unpacked = Vec::new();
    loop {
        let left = max_bytes.saturating_add(1).saturating_sub(unpacked.len() as u64);
        let before = rest;
        let mut frame = match StreamingDecoder::new(&mut rest) {
            Ok(frame) => frame,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                let length = usize::try_from(length).map_err(io::Error::other)?;
                let end = SKIPPABLE_HEADER.saturating_add(length);
                rest = before.get(end..).ok_or(io::ErrorKind::UnexpectedEof)?;
                if rest.is_empty() {
                    return Ok(unpacked);
                }
                continue;
            }
            Err(error) => return Err(io::Error::other(error)),
        };
        frame.by_ref().take(left).read_to_end(&mut unpacked)?;
        if unpacked.len() as u64 > max_bytes {
            return Ok(unpacked);
        }
        let decoder = frame.into_frame_decoder();
        let stored = decoder.get_checksum_from_data();
        if stored.is_some() && stored != decoder.get_calculated_checksum() {
            return Err(io::Error::other("the checksum does not match"));
        }
        if rest.is_empty() {
            return Ok(unpacked);
        }
    }
}

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        compress_to_vec(text.as_bytes(), CompressionLevel::Fastest)
    }

    #[test]
    fn all_frames_of_a_file_are_read_and_skippable_ones_skipped() {
        let skippable = [0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];
        let file = [&skippable[..], &packed("安徽省"), &packed("蚌埠市"), &skippable].concat();
        assert_eq!(unpack(&file, 100).unwrap(), "安徽省蚌埠市".as_bytes());
    }

    #[test]
    fn a_file_that_is_cut_off_changed_or_too_long_is_noticed() {
        let file = packed("code,level,parent,name,kind\n");
        for end in 0..file.len() {
            assert!(unpack(&file[..end], 100).is_err(), "{end}");
        }
        let mut changed = file.clone();
        let place = changed.len() - 6;
        changed[place] ^= 1;
        assert!(unpack(&changed, 100).is_err());
        assert!(unpack(b"code,level", 100).is_err());
        assert_eq!(unpack(&file, 10).unwrap().len(), 11);
    }
}
