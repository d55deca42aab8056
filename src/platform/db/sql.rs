//! Statements whose prepared form is kept.
//!
//! Diesel prepares `sql_query` anew at every call, one more round trip and one more plan, because it
//! cannot know whether the text repeats. Ours does: texts come in a few fixed shapes and values are
//! always bound, so each connection keeps one prepared form of each text.
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Untyped};
use std::marker::PhantomData;

/// A statement of diesel's builder of which diesel keeps no prepared form, such as an `UPDATE`,
/// because its columns may vary. For those whose text never does: a connection keeps each for ever.
pub fn kept<Q>(query: Q) -> Kept<Q> {
    Kept(query)
}

#[must_use = "a statement does nothing until it is sent"]
pub struct Kept<Q>(Q);

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Kept<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<Q> QueryId for Kept<Q> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: Query> Query for Kept<Q> {
    type SqlType = Q::SqlType;
}

/// A statement of a fixed text; `$1` is the first value bound.
pub fn sql(text: impl Into<String>) -> Sql<Text> {
    Sql(Text(text.into()))
}

/// A statement; rows are read by column name.
#[must_use = "a statement does nothing until it is sent"]
pub struct Sql<Q>(Q);

pub struct Text(String);

pub struct Bound<Q, Value, Type> {
    query: Q,
    value: Value,
    kind: PhantomData<Type>,
}

impl<Q> Sql<Q> {
    /// The value of the next place, and its SQL type.
    pub fn bind<Type, Value>(self, value: Value) -> Sql<Bound<Q, Value, Type>> {
        Sql(Bound { query: self.0, value, kind: PhantomData })
    }
}

impl QueryFragment<Pg> for Text {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(&self.0);
        Ok(())
    }
}

impl<Q, Value, Type> QueryFragment<Pg> for Bound<Q, Value, Type>
where
    Q: QueryFragment<Pg>,
    Value: ToSql<Type, Pg>,
    Pg: HasSqlType<Type>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.query.walk_ast(out.reborrow())?;
        out.push_bind_param_value_only(&self.value)
    }
}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Sql<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

/// Without a static id the prepared form is found by its text.
impl<Q> QueryId for Sql<Q> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q> Query for Sql<Q> {
    type SqlType = Untyped;
}
