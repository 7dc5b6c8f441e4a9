//! The extractor every handler under `/v1` starts with: it names the scope the route needs.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use qiaojian_domain::access::Scope;

use super::Principal;
use crate::problem::ApiError;

/// Who was let in: the gate of `/v1` has put it there, or has answered 401.
///
/// # Errors
/// 401 where the route has no gate.
pub fn caller_of(request: &HttpRequest) -> Result<Arc<Principal>, ApiError> {
    request
        .extensions()
        .get::<Arc<Principal>>()
        .cloned()
        .ok_or_else(ApiError::token_missing)
}

/// Any verified caller, whatever it may do: for what a client may always know of itself.
pub struct AnyCaller(pub Arc<Principal>);

impl FromRequest for AnyCaller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of(request).map(Self))
    }
}

/// The scope a route needs, as a type.
pub trait Needs: 'static {
    /// The scope.
    const SCOPE: Scope;
}

/// One type per scope, so that a handler's signature says what it needs.
pub mod needs {
    use super::{Needs, Scope};

    macro_rules! needs {
        ($($scope:ident)+) => {$(
            /// Needs the scope of this name.
            pub struct $scope;
            impl Needs for $scope {
                const SCOPE: Scope = Scope::$scope;
            }
        )+};
    }
    needs! {
        AreaRead AreaWrite CountsRead CountsWrite OrgRead OrgWrite OrgVerify RuleWrite TaskRead TaskIssue TaskWork ProgramWrite RuleRead BulletinRead BulletinPublish
        ScheduleWrite EndpointWrite DeliveryManage TokenAdmin
    }
}

/// A verified caller that holds the scope `S`.
pub struct Caller<S> {
    principal: Arc<Principal>,
    scope: PhantomData<S>,
}

impl<S> Caller<S> {
    /// The caller itself, to move into a closure.
    pub fn principal(&self) -> Arc<Principal> {
        Arc::clone(&self.principal)
    }
}

impl<S> Deref for Caller<S> {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.principal
    }
}

impl<S: Needs> FromRequest for Caller<S> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of(request).and_then(|principal| {
            if principal.scopes.contains(&S::SCOPE) {
                Ok(Self {
                    principal,
                    scope: PhantomData,
                })
            } else {
                Err(ApiError::scope_missing(S::SCOPE))
            }
        }))
    }
}
