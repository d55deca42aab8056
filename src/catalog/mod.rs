//! Catalogue: categories, products, stock and day capacity.
//!
//! ```text
//! draft → in_review → published ⇄ unpublished      published, unpublished → frozen → unpublished
//!           ├→ revision_requested → in_review
//!           └→ rejected
//! published, edited in more than price or stock → in_review
//! ```
//! Where the category's review comes after publication, or samples, submission leads straight to
//! `published`.
//! Only products of vendors that may trade are public; that is read from the vendor's row at each
//! query, so a suspension hides them at once. Stock (`counted`) and day capacity change by one
//! conditional update; what holds them is a row of its own. Lock order: stock by product id, then
//! reservations by id. A reservation that finds too little first releases lapsed ones of the same
//! goods. Price history is append-only.
mod api;
mod commands;
mod load;
mod model;
mod store;

pub use api::routes;
pub use load::load_reference;
pub use model::Availability;
pub use store::{
    Category, Need, Offer, assign_to_order, count_held, extend_request, firm_up, leaf, offers, release_order,
    release_request, reserve, set_lapse, unit_exists,
};
