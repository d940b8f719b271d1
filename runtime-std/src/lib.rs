//! The threaded runtime of Runwire.
