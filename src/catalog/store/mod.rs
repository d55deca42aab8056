//! How the catalogue is remembered.
mod categories;
mod products;
mod public;
mod stock;

pub use categories::{Category, categories, leaf, load_categories, load_units, unit_exists};
pub use products::{
    PhotoRow, PriceRow, Row, Sight, add_history, end_photo, find, history, insert, insert_photo, list, lock,
    photo, photos, replace_tiers, save, tiers,
};
pub use public::{After, Filter, Hit, Sort, find_page, public_photo, search};
pub use stock::{
    Need, Offer, Stock, adjust, assign_to_order, count_held, extend_request, firm_up, offers, open_stock,
    release_order, release_request, reserve, set_daily_capacity, set_lapse, stock,
};
