//! Who asks: from the head of a request to a [`Principal`].
//!
//! A server has one way to tell, an [`Authentication`], which anything can stand behind that implements
//! [`Authenticate`]: a closure of ten lines over a gateway's header or a session's cookie, or [`Bearer`], which
//! believes signed tokens.
//!
//! **Invariant:** whoever shows something that is not believed is refused. Nobody known is only who shows nothing.

mod authenticate;
mod bearer;
pub mod tokens;

// Open to the tests of this workspace, and to nobody else.
#[cfg(not(feature = "internals"))]
pub(crate) mod accounts;
#[cfg(feature = "internals")]
pub mod accounts;

pub use authenticate::{Authenticate, Authentication, Unauthenticated};
pub use bearer::Bearer;

use crate::graph::Principal;
