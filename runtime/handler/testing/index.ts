/** What the tests of functions import. It is no part of a function's bundle. */
export { testContext, testRequest, testStreamingRequest, type TestContextOptions, type TestRequestOptions } from './context.js';
export { testDomain, type RecordedEffect, type TestAnswer, type TestCall, type TestDomain, type TestDomainOptions, type TestHandler } from './domain.js';
