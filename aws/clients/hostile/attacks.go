package main

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// An attack is one way to do harm.
type attack struct {
	name string
	what string
	// run attacks for so long, after it has prepared what it needs.
	run func(a *attacker, span time.Duration)
	// keys makes the target a server that wants its requests signed.
	keys bool
	// fills says that the attack may fill the server's memory, so that puts of
	// others are throttled as well; they are answered all the same.
	fills bool
	// check says what else must have happened. Nil is nothing.
	check func(t *tally) error
}

// attacks are all of them, in the order in which they are made.
var attacks = []attack{
	{name: "json-http1", what: "malformed JSON, HTTP/1.1", run: malformed(http1, contentJSON, malformedJSON), check: mostly(400)},
	{name: "json-h2c", what: "malformed JSON, HTTP/2", run: malformed(http2Clear, contentJSON, malformedJSON), check: mostly(400)},
	{name: "json-h2", what: "malformed JSON, HTTP/2 and TLS", run: malformed(http2TLS, contentJSON, malformedJSON), check: mostly(400)},
	{name: "cbor-http1", what: "malformed CBOR, HTTP/1.1", run: malformed(http1, contentCBOR, malformedCBOR), check: mostly(400)},
	{name: "cbor-h2c", what: "malformed CBOR, HTTP/2", run: malformed(http2Clear, contentCBOR, malformedCBOR), check: mostly(400)},
	{name: "cbor-h2", what: "malformed CBOR, HTTP/2 and TLS", run: malformed(http2TLS, contentCBOR, malformedCBOR), check: mostly(400)},
	{name: "requests", what: "wrong targets, types, methods, paths", run: strangeRequests, check: never(200)},
	{name: "raw", what: "what is hardly HTTP", run: hardlyHTTP, check: never(200)},
	{name: "headers", what: "headers beyond all measure", run: largeHeaders, check: never(200)},
	{name: "pages", what: "web pages and rebound names", run: webPages, check: only(403)},
	{name: "echo", what: "values of 1 MiB to be told back", run: echoes, check: mostly(400)},
	{name: "tokens", what: "tokens with a bit flipped", run: flippedTokens, check: mostly(400)},

	{name: "announced", what: "bodies of 16 MiB that are announced", run: announcedBodies},
	{name: "announced-h2", what: "the same in streams of HTTP/2", run: announcedStreams},
	{name: "unsigned", what: "unsigned bodies of MiB, with keys set", run: unsignedBodies, keys: true, check: never(200)},
	{name: "signatures", what: "signatures of no sense, with keys set", run: strangeSignatures, keys: true, check: never(200)},
	{name: "slow-headers", what: "headers of a byte a second", run: slowHeaders},
	{name: "slow-bodies", what: "large bodies that never end", run: slowBodies},
	{name: "slow-readers", what: "answers of 13 MiB, read slowly", run: slowReaders},
	{name: "slow-readers-h2", what: "answers of 10 MiB, window never opened", run: slowStreams},
	{name: "slow-scrapes", what: "metrics of 2,000 streams, read slowly", run: slowScrapes},
	{name: "pipelines", what: "pipelines whose answers nobody reads", run: pipelines},
	{name: "connections", what: "more connections than may be", run: manyConnections, check: refusesConnections},

	{name: "resets", what: "streams of HTTP/2, reset at once", run: rapidResets},
	{name: "header-lists", what: "header lists without an end", run: headerLists},
	{name: "frames", what: "frames that have no sense", run: senselessFrames},

	{name: "puts", what: "PutRecords of 10 MiB, no limits", run: putFlood, fills: true, check: fillsMemory},
	{name: "small-puts", what: "records of a byte with keys of 1 KiB", run: smallPutFlood, fills: true},
	{name: "shards", what: "streams of shards without number", run: shardFlood, fills: true},
	{name: "splits", what: "splits and new shard counts", run: splitFlood, fills: true},
	{name: "settings", what: "tags, consumers and policies", run: settingsFlood, fills: true},
	{name: "names", what: "streams that are made and deleted", run: nameFlood, fills: true},
	{name: "regions", what: "made-up regions and accounts", run: regionFlood, fills: true},
	{name: "subscriptions", what: "subscriptions that nobody reads", run: subscriptionFlood, fills: true, check: subscribes},
	{name: "together", what: "several of these at the same time", fills: true, run: together(announcedStreams, slowBodies,
		slowReaders, subscriptionFlood, pipelines, rapidResets, putFlood)},
}

// together returns an attack that makes several at the same time, once each has
// prepared what it needs: at a third of their rates, so that the machine has room
// for others, for twice as long.
func together(attacks ...func(*attacker, time.Duration)) func(*attacker, time.Duration) {
	return func(a *attacker, span time.Duration) {
		const slower, longer = 3, 2
		var wait sync.WaitGroup
		begin := make(chan struct{})
		for i, attack := range attacks {
			one := newAttacker(a.parent, a.target, a.seed[0], fmt.Sprint("together ", i))
			one.ready, one.together, one.slower = make(chan struct{}), begin, slower
			wait.Go(func() {
				attack(one, longer*span)
				one.close()
				a.add(&one.tally)
			})
			<-one.ready
		}
		close(begin)
		wait.Wait()
	}
}

// mostly asks that nine in ten answers have a status.
func mostly(status int) func(*tally) error {
	return func(t *tally) error {
		if got, all := t.Statuses[status], t.answers(); got*10 < all*9 || all == 0 {
			return fmt.Errorf("only %d of %d answers are %d", got, all, status)
		}
		return nil
	}
}

// only asks that all answers have a status.
func only(status int) func(*tally) error {
	return func(t *tally) error {
		if got, all := t.Statuses[status], t.answers(); got < all || all == 0 {
			return fmt.Errorf("only %d of %d answers are %d", got, all, status)
		}
		return nil
	}
}

// never asks that there are answers and none has a status.
func never(status int) func(*tally) error {
	return func(t *tally) error {
		if n := t.Statuses[status]; n > 0 {
			return fmt.Errorf("%d answers are %d", n, status)
		}
		if t.answers() == 0 {
			return errors.New("nothing was answered")
		}
		return nil
	}
}

func (t *tally) answers() int {
	n := 0
	for _, count := range t.Statuses {
		n += count
	}
	return n
}

// refusesConnections asks that those beyond the bound are told so.
func refusesConnections(t *tally) error {
	if served := t.Statuses[http.StatusOK]; served > connectionBound {
		return fmt.Errorf("%d connections were served at a time", served)
	}
	if t.Statuses[http.StatusServiceUnavailable] == 0 {
		return errors.New("no connection was told that there are too many")
	}
	if n := t.Others["silent"]; n > 0 {
		return fmt.Errorf("%d connections were kept waiting", n)
	}
	return nil
}

// fillsMemory asks that the bound was come to, and that puts went on until
// then.
func fillsMemory(t *tally) error {
	if t.Others[throttled] == 0 {
		return errors.New("nothing was throttled, the memory was not full")
	}
	if t.Statuses[http.StatusOK] == 0 {
		return errors.New("nothing was stored")
	}
	return nil
}

// subscribes asks that some subscriptions began.
func subscribes(t *tally) error {
	if t.Statuses[http.StatusOK] == 0 {
		return errors.New("no subscription began")
	}
	return nil
}
