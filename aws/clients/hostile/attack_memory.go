package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// throttled counts puts, or records of them, that were refused for a while.
const throttled = "throttled"

// The words of refusals that a client may try again after.
var throttleWords = [][]byte{
	[]byte("ProvisionedThroughputExceededException"), []byte("LimitExceededException"),
}

// countThrottles counts an answer that says so.
func (a *attacker) countThrottles(got answer) {
	for _, word := range throttleWords {
		if bytes.Contains(got.body, word) {
			a.other(throttled)
			return
		}
	}
}

// putFlood puts batches as large as they may be. Meanwhile what is there is
// read.
func putFlood(a *attacker, span time.Duration) {
	const name, workers, perSecond, records = "flood", 3, 25, 10
	c := a.client(http1, workers+1)
	var reading struct{ ShardIterator string }
	a.call(c, "CreateStream", m{"StreamName": name, "ShardCount": 8}, nil)
	a.call(c, "PutRecord", m{"StreamName": name, "Data": "aGVsbG8=", "PartitionKey": "a", "ExplicitHashKey": "0"}, nil)
	a.call(c, "GetShardIterator", m{"StreamName": name, "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"}, &reading)
	batch := cborPutRecords(name, records, make([]byte, 1<<20-8), func(i int) string { return fmt.Sprint(i) })

	defer a.begin(span)()
	pace := a.pace(perSecond)
	go a.readOn(c, reading.ShardIterator)
	a.workers(workers, func(_ int, _ *rand.Rand) {
		for pace.wait() {
			a.countThrottles(a.send(c, operation("PutRecords", contentCBOR, batch)))
		}
	})
}

// readOn reads the same page again and again, which must go on whatever becomes
// of puts.
func (a *attacker) readOn(c *client, iterator string) {
	const perSecond = 10
	pace := a.pace(perSecond)
	body := fmt.Appendf(nil, `{"ShardIterator":"%s","Limit":1}`, iterator)
	for pace.wait() {
		got, err := a.roundTrip(a.ctx, c, operation("GetRecords", contentJSON, body))
		if err == nil && got.status != http.StatusOK && !bytes.Contains(got.body, []byte(tooManyConnections)) {
			a.wrongly("GetRecords while puts are refused: status %d: %s", got.status, start(got.body))
		}
	}
}

// smallPutFlood puts records that are all key.
func smallPutFlood(a *attacker, span time.Duration) {
	const name, workers, perSecond, records, batches = "small", 3, 60, 500, 8
	c := a.client(http1, workers)
	a.call(c, "CreateStream", m{"StreamName": name, "ShardCount": 4}, nil)
	rng := a.rng(-1)
	var bodies [batches][]byte
	for i := range bodies {
		bodies[i] = cborPutRecords(name, records, []byte{0}, func(int) string {
			return strings.Repeat("😀", 248) + fmt.Sprintf("%08x", rng.Uint32())
		})
	}
	defer a.begin(span)()
	pace := a.pace(perSecond)
	a.workers(workers, func(_ int, rng *rand.Rand) {
		for pace.wait() {
			a.countThrottles(a.send(c, operation("PutRecords", contentCBOR, bodies[rng.IntN(batches)])))
		}
	})
}

// flood sends requests that a function makes, of JSON.
func (a *attacker) flood(span time.Duration, workers, perSecond int, next func(n int, rng *rand.Rand) (name string, in m)) {
	defer a.begin(span)()
	c, pace := a.client(http1, workers), a.pace(float64(perSecond))
	a.workers(workers, func(i int, rng *rand.Rand) {
		for n := 0; pace.wait(); n++ {
			name, in := next(n*workers+i, rng)
			body, err := json.Marshal(in)
			if err != nil {
				a.wrongly("%s: %v", name, err)
				return
			}
			a.countThrottles(a.send(c, operation(name, contentJSON, body)))
		}
	})
}

// shardFlood makes streams of as many shards as can be asked for.
func shardFlood(a *attacker, span time.Duration) {
	const workers, perSecond = 4, 100
	counts := []int{1, 1000, 10_000, 100_000, 1_000_000, 1<<31 - 1}
	a.flood(span, workers, perSecond, func(n int, rng *rand.Rand) (string, m) {
		return "CreateStream", m{"StreamName": fmt.Sprintf("shards-%d", n), "ShardCount": pick(rng, counts)}
	})
}

// splitFlood makes more and more shards of streams: twice as many each time, and
// when that is refused one more, and another stream.
func splitFlood(a *attacker, span time.Duration) {
	const workers, perSecond, first = 6, 200, 600
	defer a.begin(span)()
	c, pace := a.client(http1, workers), a.pace(perSecond)
	a.workers(workers, func(i int, rng *rand.Rand) {
		for n := 0; pace.wait(); n++ {
			name := fmt.Sprintf("splits-%d-%d", i, n)
			body := fmt.Appendf(nil, `{"StreamName":"%s","ShardCount":%d}`, name, first)
			got := a.send(c, operation("CreateStream", contentJSON, body))
			for count := 2 * first; got.status == http.StatusOK && pace.wait(); count *= 2 {
				body = fmt.Appendf(nil, `{"StreamName":"%s","TargetShardCount":%d,"ScalingType":"UNIFORM_SCALING"}`, name, count)
				got = a.send(c, operation("UpdateShardCount", contentJSON, body))
			}
			a.countThrottles(got)
			body = fmt.Appendf(nil, `{"StreamName":"%s","ShardToSplit":"shardId-%012d","NewStartingHashKey":"%d%018d"}`,
				name, rng.IntN(first), 1+rng.IntN(33), rng.Uint64N(1e18))
			a.countThrottles(a.send(c, operation("SplitShard", contentJSON, body)))
		}
	})
}

// settingsFlood makes what streams can have beside records.
func settingsFlood(a *attacker, span time.Duration) {
	const workers, perSecond, each = 4, 600, 40
	c := a.client(http1, 1)
	const name = "settings"
	a.call(c, "CreateStream", m{"StreamName": name, "ShardCount": 1}, nil)
	arn := "arn:aws:kinesis:us-east-1:000000000000:stream/" + name
	a.flood(span, workers, perSecond, func(n int, rng *rand.Rand) (string, m) {
		tags := make(m, each)
		for i := range each {
			tags[fmt.Sprintf("%d-%d-%s", n, i, strings.Repeat("k", 100))] = strings.Repeat("é", 256)
		}
		switch n % workers {
		case 0:
			return "AddTagsToStream", m{"StreamName": name, "Tags": tags}
		case 1:
			return "RegisterStreamConsumer", m{"StreamARN": arn, "ConsumerName": fmt.Sprintf("c%d", n), "Tags": tags}
		case 2:
			return "CreateStream", m{"StreamName": fmt.Sprintf("settings-%d", n), "ShardCount": 1, "Tags": tags}
		default: // of a stream that was made in the turn before
			of := fmt.Sprintf("%s-%d", arn, n-1-workers)
			return "PutResourcePolicy", m{"ResourceARN": of, "Policy": `{"Version":"2012-10-17","Statement":[{"Sid":"` +
				strings.Repeat("x", 15_000) + `","Effect":"Allow","Principal":"*","Action":"kinesis:*","Resource":"` + of + `"}]}`}
		}
	})
}

// nameFlood makes streams and deletes them, each with a name of its own.
func nameFlood(a *attacker, span time.Duration) {
	const workers, perSecond = 4, 1500
	a.flood(span, workers, perSecond, func(n int, _ *rand.Rand) (string, m) {
		name := fmt.Sprintf("%s-%d", strings.Repeat("n", 110), n/workers/2*workers+n%workers)
		if n/workers%2 == 0 {
			return "CreateStream", m{"StreamName": name, "ShardCount": 1}
		}
		return "DeleteStream", m{"StreamName": name}
	})
}

// regionFlood names regions and accounts that nobody has, and makes streams in
// some. Where nothing is, an honest one must find its place.
func regionFlood(a *attacker, span time.Duration) {
	const workers, perSecond, most = 4, 1000, 32 // that is half of what there may be
	c := a.client(http1, workers)
	var mu sync.Mutex
	var made []request
	making := 0
	more := func() bool {
		mu.Lock()
		defer mu.Unlock()
		making++
		return making <= most
	}
	scoped := func(name, account, region, body string) request {
		r := operation(name, contentJSON, []byte(body))
		r.header = map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=" + account + "/20260101/" + region +
			"/kinesis/aws4_request, SignedHeaders=host, Signature=0"}
		return r
	}
	stop := a.begin(span)
	pace := a.pace(perSecond)
	a.workers(workers, func(_ int, rng *rand.Rand) {
		for pace.wait() {
			account, region := fmt.Sprintf("%012d", rng.Int64N(1e12)), fmt.Sprintf("made-up-%d", rng.IntN(1e6))
			if rng.IntN(2) == 0 {
				account = "AKIDHOSTILE000000001"
			}
			if rng.IntN(4) > 0 || !more() {
				a.send(c, scoped("ListStreams", account, region, "{}"))
				continue
			}
			if got := a.send(c, scoped("CreateStream", account, region, `{"StreamName":"made-up","ShardCount":1}`)); got.status == http.StatusOK {
				mu.Lock()
				made = append(made, scoped("DeleteStream", account, region, `{"StreamName":"made-up"}`))
				mu.Unlock()
			}
		}
	})
	stop()
	for _, r := range made {
		if got, err := a.roundTrip(a.parent, c, r); err != nil || got.status != http.StatusOK {
			a.wrongly("DeleteStream in a made-up region: %d %s %v", got.status, start(got.body), err)
		}
	}
	honest := scoped("ListStreams", "AKIDHONEST0000000001", "eu-central-2", "{}")
	if got, err := a.roundTrip(a.parent, c, honest); err != nil || got.status != http.StatusOK {
		a.wrongly("no room for an honest region any more: %d %s %v", got.status, start(got.body), err)
	}
}

// subscriptionFlood opens subscriptions to shards that hold a lot, and reads
// none of them.
func subscriptionFlood(a *attacker, span time.Duration) {
	const name, shards, each, records = "fans", 40, 40, 4
	c := a.client(http1, 8)
	a.call(c, "CreateStream", m{"StreamName": name, "ShardCount": shards}, nil)
	var consumers []string
	for i := range each {
		var out struct{ Consumer struct{ ConsumerARN string } }
		if !a.call(c, "RegisterStreamConsumer", m{"StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/" + name,
			"ConsumerName": fmt.Sprintf("fan-%d", i)}, &out) {
			break
		}
		consumers = append(consumers, out.Consumer.ConsumerARN)
	}
	for range records {
		body := cborPutRecords(name, 3*shards, make([]byte, 80<<10), func(i int) string { return fmt.Sprint(i) })
		if got, err := a.roundTrip(a.parent, c, operation("PutRecords", contentCBOR, body)); err != nil || got.status != http.StatusOK {
			a.wrongly("PutRecords, to begin with: %d %s %v", got.status, start(got.body), err)
		}
	}

	defer a.begin(span)()
	const workers, perSecond = 8, 1200
	pace := a.pace(perSecond)
	a.workers(workers, func(i int, _ *rand.Rand) {
		var s *session
		for n := i; n < len(consumers)*shards && pace.wait(); n += workers {
			body := fmt.Appendf(nil, `{"ConsumerARN":"%s","ShardId":"shardId-%012d","StartingPosition":{"Type":"TRIM_HORIZON"}}`,
				consumers[n/shards], n%shards)
			if n/workers%2 == 0 {
				a.subscribe(body)
				continue
			}
			if s == nil || s.next > 2*streamsEach {
				if s = a.openSession(0, 4<<10); s == nil {
					return
				}
				go s.listen()
			}
			fields := appendFields(nil, fieldsOf("SubscribeToShard", contentJSON, field{"content-length", fmt.Sprint(len(body))})...)
			stream := s.open(fields, false)
			s.frame(frameData, flagEndStream, stream, body)
			a.sent(1)
			s.flush()
		}
		<-a.ctx.Done()
	})
}

// subscribe opens a subscription over HTTP/1.1, and reads no more than how it
// begins.
func (a *attacker) subscribe(body []byte) {
	c := a.dial(4 << 10)
	if c == nil {
		return
	}
	a.sent(1)
	fmt.Fprintf(c, "%sHost: localhost\r\nContent-Type: %s\r\nX-Amz-Target: %sSubscribeToShard\r\nContent-Length: %d\r\n\r\n%s",
		line, contentJSON, prefix, len(body), body)
	first := make([]byte, len("HTTP/1.1 200"))
	c.SetReadDeadline(time.Now().Add(answerTime))
	if _, err := c.Read(first); err != nil {
		a.broke(err)
		return
	}
	var status int
	fmt.Sscanf(string(first), "HTTP/1.1 %d", &status)
	a.answered(status)
}
