//! The stream alone, against made-up answers.

mod golden;
mod model;
mod order;
mod rig;
mod sizes;
mod trouble;
