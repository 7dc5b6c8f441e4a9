//! The extractor that every handler under `/v1` starts with. It names the scope that the route requires.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use qiaojian_domain::access::Scope;

use super::Principal;
use crate::problem::ApiError;

/// Returns the authenticated caller. The authentication middleware of `/v1` has stored it in the request, or has
/// answered 401.
///
/// # Errors
/// Returns 401 if the route is not behind the authentication middleware.
pub fn caller_of(request: &HttpRequest) -> Result<Arc<Principal>, ApiError> {
    request
        .extensions()
        .get::<Arc<Principal>>()
        .cloned()
        .ok_or_else(ApiError::token_missing)
}

/// Any verified caller, whatever its scopes. For what a client may always know about itself.
pub struct AnyCaller(pub Arc<Principal>);

impl FromRequest for AnyCaller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of(request).map(Self))
    }
}

/// The scope that a route requires, as a type.
pub trait Needs: 'static {
    /// The required scope.
    const SCOPE: Scope;
}

/// One type per scope, so that a handler's signature states what it requires.
pub mod needs {
    use super::{Needs, Scope};

    macro_rules! needs {
        ($($scope:ident)+) => {$(
            /// Requires the scope of this name.
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

/// A verified caller that has the scope `S`.
pub struct Caller<S> {
    principal: Arc<Principal>,
    scope: PhantomData<S>,
}

impl<S> Caller<S> {
    /// Returns the caller itself, to be moved into a closure.
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
