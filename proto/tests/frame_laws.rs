//! Frames do not depend on how the stream is cut.
use proptest::prelude::*;
use runwire_proto::{frame, fuzzing};

proptest! {
    #[test]
    fn any_cut_gives_the_same_frames(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8), cut in any::<u8>(), keep in any::<prop::sample::Index>(), flip in prop::option::of((any::<prop::sample::Index>(), any::<u8>()))) {
        let mut data = vec![cut];
        for payload in &payloads {
            frame::encode(&mut data, payload);
        }
        if let Some((at, byte)) = flip {
            let at = at.index(data.len());
            data[at] ^= byte;
        }
        fuzzing::frame(&data);
        data.truncate(keep.index(data.len()) + 1);
        fuzzing::frame(&data);
    }
}
