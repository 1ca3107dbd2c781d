// Package console shows streams at work, as web pages: what flows in and out by
// the second beside the limits, shards as they divide the hash keys, their
// lineage, hot keys, records, and who reads them. It can change what it shows.
//
//	mux.Handle("/_weir/", console.Handler(orders, clicks))
//
// [Handler] is for streams of this process. [New] takes a [Source], which may
// be an account of many streams that come and go, and says who may do what.
// The handler may stand below any path that ends in a slash.
//
// Pages are made out on the server and can be read without scripts; with them
// they follow what happens, once a second while they are visible. They load
// nothing from elsewhere. Nothing is computed, and no goroutine exists, unless
// somebody looks: a stream that nobody watches does not know that there is a
// console. A page reads metrics and records through [weir.Reader] and takes no
// lock that a put takes, and no read quota.
//
// # Who may look
//
// Requests are answered that come from this machine and call it by an address or
// a name that no foreign page can have; see [Config] for others. Changes need a
// request of the same origin, as the browser says, and a token that only our own
// pages know. What comes from streams is shown as text, whatever it is.
package console
