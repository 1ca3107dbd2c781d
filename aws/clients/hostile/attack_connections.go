package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"
)

// announcing is a request that announces a body of 16 MiB and sends 16 bytes of
// it.
var announcing = []byte(head + "Content-Length: 16777216\r\n\r\n{\"StreamName\":\"a")

// heldConnections are as many as leave a few for others.
const heldConnections = connectionBound * 9 / 10

// announcedBodies announces large bodies on many connections, and leaves it at
// that.
func announcedBodies(a *attacker, span time.Duration) {
	defer a.begin(span)()
	chunked := []byte(head + "Transfer-Encoding: chunked\r\n\r\n10\r\n{\"StreamName\":\"a\r\n1000000\r\n")
	a.holdConnections(heldConnections, func(i int) []byte {
		if i%2 == 0 {
			return announcing
		}
		return chunked
	})
}

// holdConnections opens so many connections, writes something to each, and
// holds them until the attack ends. Then it counts what they were answered.
func (a *attacker) holdConnections(n int, raw func(i int) []byte) []net.Conn {
	const perSecond = 1500
	pace := a.pace(perSecond)
	var held []net.Conn
	for i := 0; i < n && pace.wait(); i++ {
		c := a.dial(0)
		if c == nil {
			continue
		}
		a.sent(1)
		c.SetWriteDeadline(time.Now().Add(answerTime))
		if _, err := c.Write(raw(i)); err != nil {
			a.broke(err)
			continue
		}
		held = append(held, c)
	}
	<-a.ctx.Done()
	for _, c := range held {
		a.countLate(c)
	}
	return held
}

// countLate counts what has been answered until now.
func (a *attacker) countLate(c net.Conn) {
	const moment = time.Millisecond
	c.SetReadDeadline(time.Now().Add(moment))
	got, err := readAnswer(c)
	switch {
	case got.status != 0:
		a.answered(got.status)
	case isTimeout(err):
		a.other("held")
	default:
		a.broke(err)
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

// unsignedBodies sends much of large bodies to a server that wants signatures.
func unsignedBodies(a *attacker, span time.Duration) {
	defer a.begin(span)()
	const conns, perSecond = 400, 100
	body := []byte(strings.Repeat("x", 1<<20))
	raw := append([]byte(head+"Content-Length: 16777216\r\n\r\n"), body...)
	chunked := append([]byte(head+"Transfer-Encoding: chunked\r\n\r\n1000000\r\n"), body...)
	pace := a.pace(perSecond)
	a.workers(conns/10, func(i int, _ *rand.Rand) {
		for pace.wait() {
			if i%2 == 0 {
				a.exchange(raw, true)
			} else {
				a.exchange(chunked, true)
			}
		}
	})
}

// strangeSignatures sends signatures that are none.
func strangeSignatures(a *attacker, span time.Duration) {
	defer a.begin(span)()
	const workers, perSecond = 8, 500
	clients := []*client{a.client(http1, workers), a.client(http2Clear, workers)}
	pace := a.pace(perSecond)
	const scope = "AKIDHOSTILE000000001/20260101/us-east-1/kinesis/aws4_request"
	a.workers(workers, func(i int, rng *rand.Rand) {
		for pace.wait() {
			r := operation("ListStreams", pick(rng, []string{contentJSON, contentCBOR}), []byte("{}"))
			r.header = map[string]string{"X-Amz-Date": pick(rng, []string{"", "20260101T000000Z", "99999999T999999Z", "yesterday"})}
			r.header["Authorization"] = pick(rng, []string{
				"AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("0", 64),
				"AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=" + strings.Repeat("host;", 5000) + ", Signature=0",
				"AWS4-HMAC-SHA256 " + strings.Repeat("Credential=a,", 3000), "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256 x", "Basic eDp5",
				"AWS4-HMAC-SHA256 Credential=////, SignedHeaders=, Signature=" + strings.Repeat("f", 40_000),
				string(randomText(rng, 200)),
			})
			a.send(clients[i%len(clients)], r)
		}
	})
}

// randomText returns letters that may stand in a header.
func randomText(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = '!' + byte(rng.IntN('~'-'!'))
	}
	return b
}

// slowHeaders sends a byte of a request's head each second, on many
// connections; a third of them have begun to shake hands for TLS.
func slowHeaders(a *attacker, span time.Duration) {
	defer a.begin(span)()
	tls := "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x07", 500)
	text := func(i int) string {
		if i%3 == 0 {
			return tls
		}
		return head
	}
	const perSecond, conns = 1000, heldConnections
	pace := a.pace(perSecond)
	var held []net.Conn
	for i := 0; pace.wait(); i++ {
		n := i / conns
		if n == 0 {
			if c := a.dial(0); c != nil {
				a.sent(1)
				held = append(held, c)
			}
		}
		if len(held) == 0 {
			return
		}
		at := i % len(held)
		held[at].Write([]byte(text(at)[n : n+1])) // one that the server has closed is counted below
	}
	for _, c := range held {
		a.countLate(c)
	}
}

// slowBodies sends large bodies, a part now and then, and never their end.
func slowBodies(a *attacker, span time.Duration) {
	defer a.begin(span)()
	const conns, perSecond, part = 150, 200, 1 << 20
	body := []byte(strings.Repeat("x", part))
	pace := a.pace(perSecond)
	a.workers(conns, func(_ int, _ *rand.Rand) {
		c := a.dial(0)
		if c == nil {
			return
		}
		a.sent(1)
		c.Write([]byte(head + "Content-Length: 16777216\r\n\r\n"))
		for range 15 {
			if !pace.wait() {
				break
			}
			c.SetWriteDeadline(time.Now().Add(answerTime))
			if _, err := c.Write(body); err != nil {
				break
			}
		}
		<-a.ctx.Done()
		a.countLate(c)
	})
}

// wideStream makes a stream with a page of 10 MiB, and returns an iterator.
func (a *attacker) wideStream() string {
	const name, records = "wide", 10
	c := a.client(http1, 1)
	var got struct{ ShardIterator string }
	a.call(c, "CreateStream", m{"StreamName": name, "ShardCount": 1}, nil)
	body := cborPutRecords(name, records, make([]byte, 1<<20-8), func(i int) string { return fmt.Sprint(i) })
	if put, err := a.roundTrip(a.parent, c, operation("PutRecords", contentCBOR, body)); err != nil || put.status != http.StatusOK {
		a.wrongly("PutRecords, to begin with: %d %s %v", put.status, start(put.body), err)
	}
	a.call(c, "GetShardIterator", m{"StreamName": name, "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"}, &got)
	return got.ShardIterator
}

// slowReaders asks for large answers and hardly reads them.
func slowReaders(a *attacker, span time.Duration) {
	iterator := a.wideStream()
	defer a.begin(span)()
	const conns, perSecond, window = 150, 75, 4 << 10
	body := `{"ShardIterator":"` + iterator + `"}`
	raw := []byte(line + "Host: localhost\r\nContent-Type: " + contentJSON + "\r\nX-Amz-Target: " + prefix + "GetRecords\r\nContent-Length: " +
		fmt.Sprint(len(body)) + "\r\n\r\n" + body)
	pace := a.pace(perSecond)
	a.workers(conns, func(_ int, _ *rand.Rand) {
		if !pace.wait() {
			return
		}
		c := a.dial(window)
		if c == nil {
			return
		}
		a.sent(1)
		c.Write(raw)
		a.sip(c)
	})
}

// sip reads the first bytes of an answer, for its status, and then a few now and
// then.
func (a *attacker) sip(c net.Conn) {
	const every = 500 * time.Millisecond
	first := make([]byte, len("HTTP/1.1 200"))
	c.SetReadDeadline(time.Now().Add(answerTime))
	if _, err := io.ReadFull(c, first); err != nil {
		a.broke(err)
		return
	}
	var status int
	fmt.Sscanf(string(first), "HTTP/1.1 %d", &status)
	a.answered(status)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-tick.C:
			if _, err := c.Read(first); err != nil {
				return
			}
		}
	}
}

// slowScrapes asks for the metrics of many streams, again and again, and hardly
// reads them.
func slowScrapes(a *attacker, span time.Duration) {
	const makers, streams = 4, 2000
	maker := a.client(http1, makers)
	a.workers(makers, func(i int, _ *rand.Rand) {
		for ; i < streams; i += makers {
			if !a.call(maker, "CreateStream", m{"StreamName": fmt.Sprintf("scraped-%d", i), "ShardCount": 1}, nil) {
				return
			}
		}
	})
	defer a.begin(span)()
	const conns, perSecond, window = 100, 12, 4 << 10 // each costs 50 ms of a processor
	pace := a.pace(perSecond)
	a.workers(conns, func(_ int, _ *rand.Rand) {
		if !pace.wait() {
			return
		}
		if c := a.dial(window); c != nil {
			a.sent(1)
			io.WriteString(c, "GET /_weir/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
			a.sip(c)
		}
	})
}

// pipelines sends one request behind the other and reads no answer.
func pipelines(a *attacker, span time.Duration) {
	defer a.begin(span)()
	const conns, perSecond, batch, window = 50, 100, 50, 4 << 10
	one := line + "Host: localhost\r\nContent-Type: " + contentJSON + "\r\nX-Amz-Target: " + prefix + "ListStreams\r\nContent-Length: 2\r\n\r\n{}"
	many := []byte(strings.Repeat(one, batch))
	pace := a.pace(perSecond)
	a.workers(conns, func(_ int, _ *rand.Rand) {
		c := a.dial(window)
		for c != nil && pace.wait() {
			const moment = 100 * time.Millisecond
			c.SetWriteDeadline(time.Now().Add(moment))
			a.sent(batch)
			if _, err := c.Write(many); isTimeout(err) {
				a.other("takes no more")
				return
			} else if err != nil {
				a.broke(err)
				return
			}
		}
	})
}

// tooManyConnections is in the reason for which a connection is refused.
const tooManyConnections = "Too many connections"

// manyConnections opens more connections than the server takes, and holds them.
func manyConnections(a *attacker, span time.Duration) {
	defer a.begin(span)()
	const workers, perSecond, conns = 64, 2000, 8 * connectionBound
	raw := []byte(line + "Host: localhost\r\nContent-Type: " + contentJSON + "\r\nX-Amz-Target: " + prefix + "ListStreams\r\nContent-Length: 2\r\n\r\n{}")
	pace := a.pace(perSecond)
	a.workers(workers, func(i int, _ *rand.Rand) {
		for ; i < conns && pace.wait(); i += workers {
			c := a.dial(0)
			if c == nil {
				continue
			}
			a.sent(1)
			c.SetDeadline(time.Now().Add(answerTime))
			c.Write(raw)
			got, err := readAnswer(c)
			if err != nil {
				a.broke(err)
				continue
			}
			a.answered(got.status)
			if got.status == http.StatusServiceUnavailable && !strings.Contains(string(got.body), tooManyConnections) {
				a.wrongly("a connection is refused without a reason: %s", start(got.body))
			}
		}
	})
}
