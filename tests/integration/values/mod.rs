//! Values and names as the databases hold them: compared and shown as what they are, in whatever form.

mod folding;
