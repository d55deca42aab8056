//! The registration: one line an operation. Route, parameters, body, answers and security of the
//! contract come from the handler's own type, so the two cannot drift apart.
use super::body::Body;
use super::call::{Call, PathArgs};
use super::problem::{FaultView, ProblemView};
use super::reply::{Answer, Sends};
use crate::kernel::{Act, Action, Role};
use crate::platform::Permission;
use actix_web::web::ServiceConfig;
use actix_web::{Route, http::Method, web};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::future::Future;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ComponentsBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Content, InfoBuilder, KnownFormat, LicenseBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, Paths, Ref,
    RefOr, Required, Schema,
};
use utoipa::{IntoParams, PartialSchema};

/// Routes and contract while they are being collected.
pub struct Api {
    permits: fn(Action, Option<Role>) -> Permission,
    tag: &'static str,
    routes: BTreeMap<&'static str, Vec<(Method, Route)>>,
    paths: Paths,
    schemas: BTreeMap<String, RefOr<Schema>>,
}

/// The finished contract with each path's methods, for `405` and `Allow`.
#[derive(Clone)]
pub struct Contract {
    pub document: OpenApi,
    pub methods: BTreeMap<String, Vec<String>>,
}

impl Api {
    pub fn new(permits: fn(Action, Option<Role>) -> Permission) -> Self {
        let mut schemas = BTreeMap::new();
        schemas.insert("Problem".to_owned(), ProblemView::schema());
        schemas.insert("Fault".to_owned(), FaultView::schema());
        Self { permits, tag: "", routes: BTreeMap::new(), paths: Paths::new(), schemas }
    }

    /// The tag of the operations that follow: the slice's name.
    pub fn tag(&mut self, tag: &'static str) -> &mut Self {
        self.tag = tag;
        self
    }

    pub fn get<A, P, Q, B, R, F, Fut>(&mut self, path: &'static str, handler: F) -> &mut Self
    where
        A: Act,
        P: PathArgs,
        Q: DeserializeOwned + IntoParams + 'static,
        B: Body,
        R: Answer,
        F: Fn(Call<A, P, Q, B>) -> Fut + Clone + 'static,
        Fut: Future<Output = Sends<R>> + 'static,
    {
        self.add(Method::GET, HttpMethod::Get, path, handler)
    }

    pub fn post<A, P, Q, B, R, F, Fut>(&mut self, path: &'static str, handler: F) -> &mut Self
    where
        A: Act,
        P: PathArgs,
        Q: DeserializeOwned + IntoParams + 'static,
        B: Body,
        R: Answer,
        F: Fn(Call<A, P, Q, B>) -> Fut + Clone + 'static,
        Fut: Future<Output = Sends<R>> + 'static,
    {
        self.add(Method::POST, HttpMethod::Post, path, handler)
    }

    pub fn put<A, P, Q, B, R, F, Fut>(&mut self, path: &'static str, handler: F) -> &mut Self
    where
        A: Act,
        P: PathArgs,
        Q: DeserializeOwned + IntoParams + 'static,
        B: Body,
        R: Answer,
        F: Fn(Call<A, P, Q, B>) -> Fut + Clone + 'static,
        Fut: Future<Output = Sends<R>> + 'static,
    {
        self.add(Method::PUT, HttpMethod::Put, path, handler)
    }

    pub fn patch<A, P, Q, B, R, F, Fut>(&mut self, path: &'static str, handler: F) -> &mut Self
    where
        A: Act,
        P: PathArgs,
        Q: DeserializeOwned + IntoParams + 'static,
        B: Body,
        R: Answer,
        F: Fn(Call<A, P, Q, B>) -> Fut + Clone + 'static,
        Fut: Future<Output = Sends<R>> + 'static,
    {
        self.add(Method::PATCH, HttpMethod::Patch, path, handler)
    }

    pub fn delete<A, P, Q, B, R, F, Fut>(&mut self, path: &'static str, handler: F) -> &mut Self
    where
        A: Act,
        P: PathArgs,
        Q: DeserializeOwned + IntoParams + 'static,
        B: Body,
        R: Answer,
        F: Fn(Call<A, P, Q, B>) -> Fut + Clone + 'static,
        Fut: Future<Output = Sends<R>> + 'static,
    {
        self.add(Method::DELETE, HttpMethod::Delete, path, handler)
    }

    fn add<A, P, Q, B, R, F, Fut>(
        &mut self,
        method: Method,
        verb: HttpMethod,
        path: &'static str,
        handler: F,
    ) -> &mut Self
    where
        A: Act,
        P: PathArgs,
        Q: DeserializeOwned + IntoParams + 'static,
        B: Body,
        R: Answer,
        F: Fn(Call<A, P, Q, B>) -> Fut + Clone + 'static,
        Fut: Future<Output = Sends<R>> + 'static,
    {
        // A schema that does not compile must fail the start, not a request.
        let _ = super::shape::query_value::<Q>("");
        let mut query = Q::into_params(|| Some(ParameterIn::Query));
        for parameter in &mut query {
            parameter.description = parameter.description.take().map(|text| text.trim().to_owned());
        }
        self.document(A::ACTION, verb, path, query, B::document(), R::STATUS, R::document());
        self.routes.entry(path).or_default().push((method.clone(), web::method(method).to(handler)));
        self
    }

    fn document(
        &mut self,
        action: Action,
        verb: HttpMethod,
        path: &'static str,
        query: Vec<Parameter>,
        body: Option<super::body::BodyDocument>,
        status: u16,
        answer: Option<super::reply::AnswerDocument>,
    ) {
        let posts = verb == HttpMethod::Post;
        let changes_by_version = matches!(verb, HttpMethod::Put | HttpMethod::Patch | HttpMethod::Delete);
        let public = (self.permits)(action, None) == Permission::Public;
        let mut operation = OperationBuilder::new()
            .operation_id(Some(action.operation_id()))
            .summary(Some(action.summary()))
            .tag(self.tag);
        let names: Vec<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        for name in &names {
            operation = operation.parameter(path_parameter(name));
        }
        for parameter in query {
            operation = operation.parameter(parameter);
        }
        if posts && !action.refuses_dry_run() {
            operation = operation.parameter(text_parameter(
                "dry_run",
                ParameterIn::Query,
                Required::False,
                Type::Boolean,
                "Checks everything and stores nothing",
            ));
        }
        if posts && !action.refuses_key() {
            let required = if action.requires_key() { Required::True } else { Required::False };
            operation = operation.parameter(text_parameter(
                "Idempotency-Key",
                ParameterIn::Header,
                required,
                Type::String,
                "One value for each intended act; a repeat answers the stored bytes",
            ));
        }
        if changes_by_version || (posts && path.contains("/actions/") && !names.is_empty()) {
            let required = if changes_by_version { Required::True } else { Required::False };
            operation = operation.parameter(text_parameter(
                "If-Match",
                ParameterIn::Header,
                required,
                Type::String,
                "The ETag that was loaded; only its version counts",
            ));
        }
        let has_body = body.is_some();
        if let Some(body) = body {
            self.schemas.extend(body.schemas);
            let mut request = RequestBodyBuilder::new().required(Some(Required::True));
            for media_type in body.media_types {
                let schema: RefOr<Schema> = if body.is_upload {
                    upload_schema(self.schemas.get(&body.name))
                } else {
                    RefOr::Ref(Ref::from_schema_name(&body.name))
                };
                request = request.content(media_type, Content::new(Some(schema)));
            }
            operation = operation.request_body(Some(request.build()));
        }
        let mut success = ResponseBuilder::new().description("Done");
        if let Some(answer) = answer {
            self.schemas.extend(answer.schemas);
            let content = match answer.name {
                Some(name) => Content::new(Some(RefOr::Ref(Ref::from_schema_name(name)))),
                None => Content::new(Some(RefOr::T(Schema::Object(
                    ObjectBuilder::new()
                        .schema_type(Type::String)
                        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
                        .build(),
                )))),
            };
            success = success.content(answer.media_type, content);
        }
        operation = operation.response(status.to_string(), success.build());
        for (status, applies) in [
            ("400", true),
            ("401", !public || action.refuses_key()),
            ("403", !public),
            ("404", !names.is_empty()),
            ("406", true),
            ("409", verb != HttpMethod::Get),
            ("412", changes_by_version || (posts && !names.is_empty())),
            ("413", has_body),
            ("415", has_body),
            ("422", has_body || posts),
            ("428", changes_by_version),
            ("429", true),
            ("503", true),
        ] {
            if applies {
                operation = operation.response(status, problem_response());
            }
        }
        let security = if public {
            SecurityRequirement::default()
        } else {
            SecurityRequirement::new::<_, [&str; 0], &str>("bearer", [])
        };
        operation = operation.security(security);
        self.paths.add_path_operation(path, vec![verb], operation.build());
    }

    /// The contract alone.
    pub fn contract(&self) -> Contract {
        let components = ComponentsBuilder::new()
            .schemas_from_iter(self.schemas.clone())
            .security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
            .build();
        let info = InfoBuilder::new()
            .title("Lokapasar")
            .version(env!("CARGO_PKG_VERSION"))
            .description(Some(
                "Public-procurement marketplace: vendors register and list products, offices buy, the public watches. \
                 Times are RFC 3339 in UTC; money is a decimal string in rupiah (IDR); faults are problem+json (RFC 9457) \
                 in Indonesian or English by Accept-Language.",
            ))
            .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
            .build();
        let document =
            OpenApiBuilder::new().info(info).paths(self.paths.clone()).components(Some(components)).build();
        let methods = self
            .routes
            .iter()
            .map(|(path, routes)| {
                let mut methods: Vec<String> = routes.iter().map(|(method, _)| method.to_string()).collect();
                if methods.iter().any(|method| method == "GET") {
                    methods.push("HEAD".into());
                }
                methods.push("OPTIONS".into());
                methods.sort();
                ((*path).to_owned(), methods)
            })
            .collect();
        Contract { document, methods }
    }

    /// Puts every route in place. Fixed segments come before placeholders, since `{` sorts last.
    pub fn install(self, config: &mut ServiceConfig) {
        for (path, routes) in self.routes {
            let mut resource = web::resource(path);
            for (_, route) in routes {
                resource = resource.route(route);
            }
            config.service(resource.default_service(web::to(super::documents::not_served)));
        }
    }
}

fn path_parameter(name: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))),
        ))
        .build()
}

fn text_parameter(name: &str, place: ParameterIn, required: Required, kind: Type, text: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(text))
        .schema(Some(ObjectBuilder::new().schema_type(kind)))
        .build()
}

fn problem_response() -> utoipa::openapi::Response {
    ResponseBuilder::new()
        .description("A problem (RFC 9457)")
        .content(
            "application/problem+json",
            Content::new(Some(RefOr::Ref::<Schema>(Ref::from_schema_name("Problem")))),
        )
        .build()
}

/// The file beside the fields of a form, in one closed object.
fn upload_schema(fields: Option<&RefOr<Schema>>) -> RefOr<Schema> {
    let file = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
    let mut form = match fields {
        Some(RefOr::T(Schema::Object(fields))) => fields.clone(),
        _ => ObjectBuilder::new().build(),
    };
    form.properties.insert("file".into(), RefOr::T(Schema::Object(file.build())));
    form.required.push("file".into());
    RefOr::T(Schema::Object(form))
}

impl Contract {
    /// The contract as committed in `openapi.yaml`.
    pub fn yaml(&self) -> String {
        self.document.to_yaml().unwrap_or_default()
    }

    pub fn json(&self) -> String {
        self.document.to_json().unwrap_or_default()
    }
}
