// Package kinesisserver speaks the Kinesis wire protocols over the accounts of
// package account: any Kinesis client, in any language, can be pointed at it.
//
//	s, err := kinesisserver.New(kinesisserver.Config{})
//	if err != nil { … }
//	err = s.ListenAndServe() // on 127.0.0.1:4567
//
// A [Server] takes JSON 1.1 and CBOR 1.1 over HTTP/1.1 and HTTP/2, in cleartext
// (prior knowledge) and over TLS, on one port. Its [Server.Handler] is an
// ordinary [net/http.Handler] and needs no socket. All 57 operations of the
// service are there, SubscribeToShard as an event stream.
//
// # Accounts and regions
//
// One server serves any number of accounts and regions, each apart from the
// others, from a [Registry] that opens them when they are first asked for. A
// request is for the account and the region that its host names, if that has a
// form of the service's such as
// 123456789012.data-kinesis.eu-west-1.amazonaws.com; else for those of its
// credential: the region of the credential's scope, and the account that a
// [Credential] is for or, where signatures are not checked, an access key of
// twelve digits. What is not named is the registry's default.
//
// # Signatures
//
// Requests need no signature unless [Config.Credentials] are given; then each
// must be signed with one of them, in its headers or its query, within 15
// minutes of the server's time.
//
// # Web pages
//
// A browser sends the requests of any page to any address, loopback too. Those
// whose Origin is not the server's own are refused unless [Config.AllowOrigins]
// names it, and so are those whose Host is a name that a foreign page could
// have made to point here, unless [Config.AllowHosts] names it.
//
// # Validation
//
// A request is checked in the service's order: its form, its target, its
// signature, the types of its members, their constraints (all violations are
// reported together), and then what the account has to say. The types and
// constraints of all inputs are one table; so are the operations.
//
// # Beside the API
//
// GET /_weir/health answers 200 until the server shuts down, GET /_weir/metrics
// with metrics in Prometheus' text format, and [Config.Console] answers all else
// below /_weir/. If there are [Config.Credentials],
// both ask for one of them by basic authentication: the access key as the
// user, the secret key as the password.
package kinesisserver
