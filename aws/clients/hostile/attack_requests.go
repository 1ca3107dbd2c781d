package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// malformed returns an attack with bodies that something is the matter with.
func malformed(protocol int, contentType string, body func(*rand.Rand) []byte) func(*attacker, time.Duration) {
	const workers, perSecond = 8, 500
	return func(a *attacker, span time.Duration) {
		defer a.begin(span)()
		c, pace := a.client(protocol, workers), a.pace(perSecond)
		a.workers(workers, func(_ int, rng *rand.Rand) {
			for pace.wait() {
				a.send(c, operation(pick(rng, operationNames), contentType, body(rng)))
			}
		})
	}
}

// strangeRequests sends requests that are of HTTP, and of no operation.
func strangeRequests(a *attacker, span time.Duration) {
	defer a.begin(span)()
	const workers, perSecond = 8, 500
	clients := []*client{a.client(http1, workers), a.client(http2Clear, workers), a.client(http2TLS, workers)}
	pace := a.pace(perSecond)
	a.workers(workers, func(i int, rng *rand.Rand) {
		for pace.wait() {
			r := strangeRequest(rng)
			if got := a.send(clients[i%len(clients)], r); got.status == http.StatusOK {
				a.wrongly("%s %s %q %q was answered", r.method, r.path, r.contentType, r.target)
			}
		}
	})
}

func strangeRequest(rng *rand.Rand) request {
	// An operation with a sound type would be answered.
	r := request{contentType: contentJSON, target: prefix + "ListStreams", body: []byte("{}")}
	long := strings.Repeat(pick(rng, []string{"x", "%41", "Kinesis_20131202."}), 1+rng.IntN(2000))
	switch rng.IntN(6) {
	case 0:
		r.target = pick(rng, []string{"", ".", prefix, "ListStreams", "Kinesis_20131202", "DynamoDB_20120810.ListTables",
			prefix + "liststreams", prefix + long, long, "Kinesis_20131202ListStreams"})
	case 1:
		r.contentType = pick(rng, []string{"", "text/plain", "application/xml", "application/json", "*/*", ";", long,
			"application/x-amz-json-1.0", "multipart/form-data; boundary=" + long[:1]})
	case 2:
		r.method = pick(rng, []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW", "SUBSCRIBE"})
	case 3:
		r.body = nil
	case 4:
		r.path, r.method = pick(rng, []string{"/../../etc/passwd", "/_weir/nothing", "/?Action=ListStreams", "//", "/" + long, "/%00"}), "GET"
	default:
		r.contentType = contentCBOR // of which {} is nothing sound
	}
	return r
}

// hardlyHTTP writes bytes of which the server can hardly make a request.
func hardlyHTTP(a *attacker, span time.Duration) {
	defer a.begin(span)()
	const workers, perSecond = 16, 400
	pace := a.pace(perSecond)
	a.workers(workers, func(_ int, rng *rand.Rand) {
		for pace.wait() {
			a.exchange(rawRequest(rng), false)
		}
	})
}

// line and head begin requests that are sound so far.
const (
	line = "POST / HTTP/1.1\r\n"
	head = line + "Host: localhost\r\nContent-Type: " + contentJSON + "\r\nX-Amz-Target: " + prefix + "PutRecord\r\n"
)

func rawRequest(rng *rand.Rand) []byte {
	raw := pick(rng, []string{
		"\r\n\r\n\r\n\r\nx\r\n\r\n",
		"POST / HTTP/9.9\r\n\r\n",
		"POST / HTTP/1.1\r\n\r\n",
		"POST /\r\n\r\n",
		"GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n",
		"CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: 10.0.0.1:22\r\n\r\n",
		line + "Host: a\r\nHost: b\r\n\r\n",
		line + "Host: a b\r\n\r\n",
		line + "Host: x\r\nContent-Length: -1\r\n\r\n",
		line + "Host: x\r\nContent-Length: 99999999999999999999999999\r\n\r\n",
		line + "Host: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		line + "Host: x\r\nContent-Length: 9223372036854775807\r\n\r\n",
		line + "Host: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
		line + "Host: x\r\nTransfer-Encoding: gzip\r\n\r\n",
		line + "Host: x\r\nX-A : b\r\n\r\n",
		line + "Host: x\r\nX-A: \x00\r\n\r\n",
		line + "Host: x\r\n folded\r\n\r\n",
		line + "no colon at all\r\n\r\n",
		head + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
		head + "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
		head + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 8<<10) + "\r\n",
		head + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
		head + "Content-Length: 2\r\nExpect: 200-maybe\r\n\r\n{}",
		head + "Content-Length: 2\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAAA\r\n\r\n{}",
		preface + "\x00\x00\x00\xff\xff\xff\xff\xff\xff" + strings.Repeat("x", 64),
		"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
		"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
		"\x16\x03\x01\xff\xff" + strings.Repeat("\x01", 1<<10),
		"\x80\x2e\x01\x00\x02\r\n\r\n",
	})
	if rng.IntN(4) == 0 {
		b := []byte(raw)
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		raw = string(b)
	}
	return []byte(raw)
}

// largeHeaders sends headers that are larger than the server takes.
func largeHeaders(a *attacker, span time.Duration) {
	defer a.begin(span)()
	const workers, perSecond, size = 8, 100, 1 << 20
	many := new(strings.Builder)
	for i := range size / 16 {
		fmt.Fprintf(many, "X-%07d: abcd\r\n", i)
	}
	raws := [][]byte{
		[]byte(line + "Host: x\r\nX-Long: " + strings.Repeat("a", size) + "\r\n\r\n"),
		[]byte(line + "Host: x\r\n" + strings.Repeat("a", size) + ": b\r\n\r\n"),
		[]byte("POST /" + strings.Repeat("a", size) + " HTTP/1.1\r\nHost: x\r\n\r\n"),
		[]byte(line + "Host: " + strings.Repeat("a", size) + "\r\n\r\n"),
		[]byte(head + many.String() + "\r\n"),
		[]byte(line + "Host: x\r\nAuthorization: AWS4-HMAC-SHA256 Credential=" + strings.Repeat("a/", size/2) + "\r\n\r\n"),
		[]byte(head + "Transfer-Encoding: chunked\r\nTrailer: a\r\n\r\n0\r\na: " + strings.Repeat("b", size) + "\r\n\r\n"),
	}
	pace := a.pace(perSecond)
	a.workers(workers, func(_ int, rng *rand.Rand) {
		for pace.wait() {
			a.exchange(pick(rng, raws), false)
		}
	})
}

// webPages calls as pages of other origins would, and by names that such pages
// may have.
func webPages(a *attacker, span time.Duration) {
	defer a.begin(span)()
	const workers, perSecond = 4, 400
	clients := []*client{a.client(http1, workers), a.client(http2Clear, workers)}
	pace := a.pace(perSecond)
	a.workers(workers, func(i int, rng *rand.Rand) {
		for pace.wait() {
			r := operation(pick(rng, []string{"ListStreams", "DeleteStream", "PutRecord"}), pick(rng, []string{contentJSON, contentCBOR, "text/plain"}),
				[]byte(`{"StreamName":"polite","PartitionKey":"a","Data":"aGVsbG8="}`))
			if rng.IntN(2) == 0 {
				r.header = map[string]string{"Origin": pick(rng, []string{"https://evil.example.net", "null", "http://localhost:1", "https://" + a.Addr + ".evil.net", "http://evil.net/" + a.Addr})}
				r.method = pick(rng, []string{"POST", "OPTIONS", "GET"})
			} else {
				r.host = pick(rng, []string{"rebound.evil.net", "127.0.0.1.nip.io", "localhost.evil.net:4567", "kinesis.us-east-1.amazonaws.com.evil.net"})
			}
			a.send(clients[i%len(clients)], r)
		}
	})
}

// echoes sends values of a MiB in places where an error tells what it refuses.
func echoes(a *attacker, span time.Duration) {
	c := a.client(http1, 4)
	a.call(c, "CreateStream", m{"StreamName": "echo", "ShardCount": 1}, nil)
	rounds := echoRequests()
	defer a.begin(span)()
	const workers, perSecond = 4, 60
	pace := a.pace(perSecond)
	a.workers(workers, func(_ int, rng *rand.Rand) {
		for pace.wait() {
			r := pick(rng, rounds)
			if got := a.send(c, r); got.status == http.StatusOK {
				a.wrongly("%s took a value of 1 MiB: %s", r.target, start(r.body))
			}
		}
	})
}

func echoRequests() []request {
	const size = 1 << 20
	long := strings.Repeat("x", size)
	digits := json.RawMessage(strings.Repeat("9", size))
	var all []request
	add := func(name string, in m) {
		body, _ := json.Marshal(in) // of texts and numbers
		all = append(all, operation(name, contentJSON, body))
	}
	for _, text := range []string{long, strings.Repeat("é\n", size/3), strings.Repeat("A", size-1)} {
		add("PutRecord", m{"StreamName": text, "Data": "", "PartitionKey": "a"})
		add("PutRecord", m{"StreamName": "echo", "Data": text[1:], "PartitionKey": "a"})
		add("PutRecord", m{"StreamName": "echo", "Data": "", "PartitionKey": text})
		add("PutRecord", m{"StreamName": "echo", "Data": "", "PartitionKey": "a", "ExplicitHashKey": text})
		add("PutRecord", m{"StreamName": "echo", "Data": "", "PartitionKey": "a", "SequenceNumberForOrdering": text})
		add("PutRecords", m{"StreamName": "echo", "Records": []m{{"Data": text[1:], "PartitionKey": text}}})
		add("GetRecords", m{"ShardIterator": text})
		add("GetShardIterator", m{"StreamName": "echo", "ShardId": text, "ShardIteratorType": "LATEST"})
		add("GetShardIterator", m{"StreamName": "echo", "ShardId": "0", "ShardIteratorType": text})
		add("GetShardIterator", m{"StreamName": "echo", "ShardId": "0", "ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": text})
		add("ListShards", m{"NextToken": text})
		add("ListShards", m{"StreamName": "echo", "ShardFilter": m{"Type": text}})
		add("ListStreams", m{"NextToken": text})
		add("DescribeStreamConsumer", m{"ConsumerARN": text})
		add("DescribeStream", m{"StreamARN": text})
		add("CreateStream", m{"StreamName": "echo2", "StreamModeDetails": m{"StreamMode": text}})
		add("AddTagsToStream", m{"StreamName": "echo", "Tags": m{text: "a"}})
		add("AddTagsToStream", m{"StreamName": "echo", "Tags": m{"a": text}})
		add("TagResource", m{"ResourceARN": text, "Tags": m{"a": "b"}})
		add("PutResourcePolicy", m{"ResourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/echo", "Policy": text})
		add("StartStreamEncryption", m{"StreamName": "echo", "EncryptionType": "KMS", "KeyId": text})
		add("SplitShard", m{"StreamName": "echo", "ShardToSplit": "0", "NewStartingHashKey": text})
	}
	add("GetRecords", m{"ShardIterator": "a", "Limit": digits})
	add("DescribeStream", m{"StreamName": "echo", "Limit": digits})
	add("GetShardIterator", m{"StreamName": "echo", "ShardId": "0", "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": digits})
	add("UpdateShardCount", m{"StreamName": "echo", "TargetShardCount": digits, "ScalingType": "UNIFORM_SCALING"})
	return all
}

// flippedTokens flips each bit of tokens that the server gave out.
func flippedTokens(a *attacker, span time.Duration) {
	c := a.client(http1, 4)
	var iterator struct{ ShardIterator string }
	var page struct{ NextToken string }
	a.call(c, "CreateStream", m{"StreamName": "tokens", "ShardCount": 4}, nil)
	a.call(c, "PutRecord", m{"StreamName": "tokens", "Data": "aGVsbG8=", "PartitionKey": "a"}, nil)
	a.call(c, "GetShardIterator", m{"StreamName": "tokens", "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"}, &iterator)
	if !a.call(c, "ListShards", m{"StreamName": "tokens", "MaxResults": 2}, &page) {
		return
	}
	type flip struct {
		name, member, token string
		bit                 int
	}
	var flips []flip
	for _, of := range []flip{{"GetRecords", "ShardIterator", iterator.ShardIterator, 0}, {"ListShards", "NextToken", page.NextToken, 0}} {
		if of.token == "" {
			a.wrongly("%s: there is no token", of.name)
		}
		for bit := range 8 * len(of.token) {
			of.bit = bit
			flips = append(flips, of)
		}
	}
	a.rng(-1).Shuffle(len(flips), func(i, j int) { flips[i], flips[j] = flips[j], flips[i] })

	defer a.begin(span)()
	const workers, perSecond = 4, 800
	pace := a.pace(perSecond)
	a.workers(workers, func(i int, _ *rand.Rand) {
		for ; i < len(flips) && pace.wait(); i += workers {
			f := flips[i]
			token := []byte(f.token)
			token[f.bit/8] ^= 1 << (f.bit % 8)
			body := fmt.Sprintf(`{"%s":"%s"}`, f.member, token) // the byte may be no text of JSON
			if got := a.send(c, operation(f.name, contentJSON, []byte(body))); got.status == http.StatusOK {
				a.wrongly("%s takes its token with bit %d flipped", f.name, f.bit)
			}
		}
	})
}
