//! The stream alone, against made-up answers.
