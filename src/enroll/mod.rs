//! The heart: one enrolment from the box to the tenant. Imports traits, never an adapter.
