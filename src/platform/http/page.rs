//! Keyset pages: opaque signed cursors, bound to the list they came from.
use super::call::Call;
use crate::kernel::{Act, Code, Error, refuse};
use crate::platform::sealing::{KeyRing, Purpose};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::sync::Arc;
use subtle::ConstantTimeEq;
use utoipa::openapi::schema::{ArrayBuilder, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// The query of a list that has no filter; [`Call::page`] reads it.
#[derive(Deserialize, IntoParams)]
pub struct PageQuery {
    #[param(minimum = 1, maximum = 100)]
    #[serde(rename = "limit")]
    _limit: Option<u32>,
    #[param(max_length = 500)]
    #[serde(rename = "cursor")]
    _cursor: Option<String>,
}

/// A page of a list.
#[derive(Serialize)]
pub struct Listing<V> {
    pub items: Vec<V>,
    /// Where the next page begins; null on the last one.
    pub next_cursor: Option<String>,
    #[serde(skip)]
    pub(super) public_for: Option<u32>,
}

/// Written by hand: each item type has a list schema of its own, named after it.
impl<V: ToSchema> PartialSchema for Listing<V> {
    fn schema() -> RefOr<Schema> {
        let items = ArrayBuilder::new().items(Ref::from_schema_name(V::name()));
        let cursor = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some("Where the next page begins; null on the last one"));
        ObjectBuilder::new()
            .property("items", items)
            .required("items")
            .property("next_cursor", cursor)
            .required("next_cursor")
            .into()
    }
}

impl<V: ToSchema> ToSchema for Listing<V> {
    fn name() -> std::borrow::Cow<'static, str> {
        format!("{}List", V::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((V::name().into_owned(), V::schema()));
        V::schemas(schemas);
    }
}

impl<V> Listing<V> {
    /// The same page with each item shown differently.
    pub fn map<W>(self, show: impl FnMut(V) -> W) -> Listing<W> {
        Listing {
            items: self.items.into_iter().map(show).collect(),
            next_cursor: self.next_cursor,
            public_for: self.public_for,
        }
    }

    /// May be kept by anyone for so many seconds.
    pub fn public(self, seconds: u32) -> Self {
        Self { public_for: Some(seconds), ..self }
    }

    /// A page whose items were shown one by one.
    pub fn page(items: Vec<V>, next_cursor: Option<String>) -> Self {
        Self { items, next_cursor, public_for: None }
    }

    /// A list that has only one page.
    pub fn whole(items: Vec<V>) -> Self {
        Self { items, next_cursor: None, public_for: None }
    }
}

/// Where a page begins and how long it is.
pub struct Page<K> {
    limit: i64,
    after: Option<K>,
    binding: Vec<u8>,
    keys: Arc<KeyRing>,
}

impl<K: Serialize + DeserializeOwned> Page<K> {
    /// One row more than the page holds, so that its end is known without counting.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// The key of the row before the page.
    pub fn after(&self) -> Option<&K> {
        self.after.as_ref()
    }

    /// Closes a page over up to [`fetch`](Self::fetch) rows.
    pub fn close<V>(&self, mut rows: Vec<V>, key: impl Fn(&V) -> K) -> Listing<V> {
        let limit = usize::try_from(self.limit).unwrap_or_default();
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| self.seal(&key(row)));
        Listing { items: rows, next_cursor, public_for: None }
    }

    fn seal(&self, key: &K) -> String {
        let text = serde_json::to_vec(key).unwrap_or_default();
        let mac = self.keys.mac(Purpose::Cursor, &[&self.binding, &text]);
        URL_SAFE_NO_PAD.encode([&mac[..16], &text].concat())
    }
}

impl<A: Act, P, Q, B> Call<A, P, Q, B> {
    /// Reads `limit` and `cursor` of a list operation (20 rows unless told, 100 at most).
    ///
    /// # Errors
    /// `cursor_invalid` when the cursor is not of this list with these filters and this caller.
    pub fn page<K: Serialize + DeserializeOwned>(&self) -> Result<Page<K>, Error> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(self.query_text()).unwrap_or_default();
        let mut filters: Vec<_> =
            pairs.iter().filter(|(name, _)| name != "cursor" && name != "limit").collect();
        filters.sort();
        let member = self.ctx.actor.as_ref().and_then(|actor| actor.member.as_ref());
        let user = self.ctx.actor.as_ref().map(|actor| actor.user);
        let scope = (self.path_text(), user, member.map(|member| member.id), self.ctx.realm(), filters);
        let binding = serde_json::to_vec(&scope).unwrap_or_default();
        let given =
            |name: &str| pairs.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str());
        let limit = given("limit").and_then(|text| text.parse().ok()).unwrap_or(20).clamp(1, 100);
        let keys = self.app.keys.clone();
        let after = match given("cursor") {
            Some(cursor) => Some(open(&keys, &binding, cursor).ok_or_else(|| refuse(Code::CursorInvalid))?),
            None => None,
        };
        Ok(Page { limit, after, binding, keys })
    }
}

fn open<K: DeserializeOwned>(keys: &KeyRing, binding: &[u8], cursor: &str) -> Option<K> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (mac, text) = bytes.split_at_checked(16)?;
    let expected = keys.mac(Purpose::Cursor, &[binding, text]);
    bool::from(mac.ct_eq(&expected[..16])).then(|| serde_json::from_slice(text).ok()).flatten()
}
