package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A target is what is attacked.
type target struct{ Addr string }

const (
	contentJSON = "application/x-amz-json-1.1"
	contentCBOR = "application/x-amz-cbor-1.1"

	dialTime   = 5 * time.Second
	answerTime = 8 * time.Second
	// maxErrorBytes is how long an answer may be for each value that it
	// refuses: a few hundred bytes of it, some of which need six to be told.
	maxErrorBytes = 1536
)

// An attacker is one attack that goes on.
type attacker struct {
	target
	tally
	ctx    context.Context // ends with the attack
	parent context.Context
	seed   [2]uint64

	// Of one that is made together with others: it closes ready, and begins when
	// together is closed.
	ready, together chan struct{}
	slower          float64 // than its rates

	mu    sync.Mutex // guards conns
	conns []net.Conn // to be closed at the end
}

func newAttacker(ctx context.Context, t target, seed uint64, name string) *attacker {
	h := fnv.New64a()
	h.Write([]byte(name))
	return &attacker{target: t, ctx: ctx, parent: ctx, seed: [2]uint64{seed, h.Sum64()}, slower: 1}
}

// begin begins the time of the attack, after what it had to prepare.
func (a *attacker) begin(span time.Duration) context.CancelFunc {
	if a.ready != nil {
		close(a.ready)
		<-a.together
	}
	ctx, cancel := context.WithTimeout(a.parent, span)
	a.ctx = ctx
	return cancel
}

// rng returns random numbers of one worker's own, which follow from the seed.
func (a *attacker) rng(worker int) *rand.Rand {
	return rand.New(rand.NewPCG(a.seed[0], a.seed[1]+uint64(worker)))
}

// workers runs n workers until each returns.
func (a *attacker) workers(n int, work func(i int, rng *rand.Rand)) {
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { work(i, a.rng(i)) })
	}
	wait.Wait()
}

// A pace is a rate that all workers keep together.
type pace struct {
	ctx     context.Context
	limiter *rate.Limiter
}

func (a *attacker) pace(perSecond float64) pace {
	return pace{a.ctx, rate.NewLimiter(rate.Limit(perSecond/a.slower), 1)}
}

// wait waits for the next turn, and reports whether there is one.
func (p pace) wait() bool { return p.limiter.Wait(p.ctx) == nil }

// close closes all connections.
func (a *attacker) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.conns {
		c.Close()
	}
	a.conns = nil
}

// dial opens a connection that stays open until the attack is over, or counts
// why there is none and returns nil. A read buffer of 0 is the system's.
func (a *attacker) dial(readBuffer int) net.Conn {
	d := net.Dialer{Timeout: dialTime}
	c, err := d.DialContext(a.ctx, "tcp", a.Addr)
	if err != nil {
		const moment = 10 * time.Millisecond // the dialer's clock may end before the context does
		if end, ok := a.ctx.Deadline(); a.ctx.Err() == nil && (!ok || time.Until(end) > moment) {
			a.broke(err)
		}
		return nil
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0) // thousands of them would wait for minutes
		if readBuffer > 0 {
			tcp.SetReadBuffer(readBuffer)
		}
	}
	a.mu.Lock()
	a.conns = append(a.conns, c)
	a.mu.Unlock()
	return c
}

// secure is what the attackers speak TLS with: whoever answers is fine.
var secure = &tls.Config{InsecureSkipVerify: true}

// A client is a way to send requests.
type client struct {
	http *http.Client
	url  string
}

// The protocols that a client may speak.
const (
	http1 = iota
	http2Clear
	http2TLS
)

// client returns a client of a protocol, with as many connections as it has
// workers.
func (a *attacker) client(protocol, workers int) *client {
	var p http.Protocols
	scheme := "http"
	switch protocol {
	case http1:
		p.SetHTTP1(true)
	case http2Clear:
		p.SetUnencryptedHTTP2(true)
	case http2TLS:
		p.SetHTTP2(true)
		scheme = "https"
	}
	return &client{url: scheme + "://" + a.Addr, http: &http.Client{
		Timeout: answerTime,
		Transport: &http.Transport{Protocols: &p, TLSClientConfig: secure.Clone(), MaxConnsPerHost: workers,
			MaxIdleConnsPerHost: workers, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// A request is one to send.
type request struct {
	method, path string // POST and / if empty
	host         string
	contentType  string
	target       string // with its prefix
	header       map[string]string
	body         []byte
}

const prefix = "Kinesis_20131202."

// operation is a request of an operation.
func operation(name, contentType string, body []byte) request {
	return request{contentType: contentType, target: prefix + name, body: body}
}

// An answer is what came back; its status is 0 if nothing did.
type answer struct {
	status int
	head   int // bytes of its headers, about
	body   []byte
}

// send sends a request and counts what comes back. What no answer may be is
// noted: an internal failure, or a refusal that is long.
func (a *attacker) send(c *client, r request) answer {
	a.sent(1)
	begin := time.Now()
	got, err := a.roundTrip(a.ctx, c, r)
	if a.ctx.Err() != nil {
		return got // it was cut off by the end of the attack
	}
	a.took(time.Since(begin), r.target)
	if err != nil {
		a.broke(err)
		return got
	}
	a.answered(got.status)
	a.refusedAs(got)
	a.judge(got, r)
	return got
}

// judge notes what no answer may be.
func (a *attacker) judge(got answer, r request) {
	switch {
	case got.status == http.StatusInternalServerError:
		a.wrongly("%s: status %d: %s", r.target, got.status, start(got.body))
	case got.status >= 400 && len(got.body) > maxErrorBytes*refusedValues(got.body) || got.head > maxErrorBytes:
		a.wrongly("%s: a refusal of %d bytes, %d of headers: %s", r.target, len(got.body), got.head, start(got.body))
	}
}

// refusedValues is how many values an answer refuses.
func refusedValues(body []byte) int {
	before, _, found := bytes.Cut(body, []byte(" validation error"))
	var n int
	if found {
		fmt.Sscan(string(bytes.TrimLeft(before[max(len(before)-2, 0):], `"`)), &n) // less than a hundred, as there are members
	}
	return max(n, 1)
}

// start is how a text begins.
func start(b []byte) string { return string(b[:min(len(b), 120)]) }

func (a *attacker) roundTrip(ctx context.Context, c *client, r request) (answer, error) {
	method := r.method
	if method == "" {
		method = http.MethodPost
	}
	q, err := http.NewRequestWithContext(ctx, method, c.url+"/"+strings.TrimPrefix(r.path, "/"), bytes.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	if r.contentType != "" {
		q.Header.Set("Content-Type", r.contentType)
	}
	if r.target != "" {
		q.Header.Set("X-Amz-Target", r.target)
	}
	for name, value := range r.header {
		q.Header.Set(name, value)
	}
	q.Host = r.host
	resp, err := c.http.Do(q)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	got := answer{status: resp.StatusCode}
	for name, values := range resp.Header {
		got.head += len(name) + len(strings.Join(values, ""))
	}
	got.body, err = io.ReadAll(resp.Body)
	return got, err
}

// call calls an operation in preparation of an attack, and decodes what it
// returns into out unless that is nil. What goes wrong is noted.
func (a *attacker) call(c *client, name string, in, out any) bool {
	body, err := json.Marshal(in)
	if err != nil {
		a.wrongly("%s: %v", name, err)
		return false
	}
	got, err := a.roundTrip(a.parent, c, operation(name, contentJSON, body))
	switch {
	case err != nil:
		a.wrongly("%s, to begin with: %v", name, err)
	case got.status != http.StatusOK:
		a.wrongly("%s, to begin with: status %d: %s", name, got.status, start(got.body))
	case out != nil && json.Unmarshal(got.body, out) != nil:
		a.wrongly("%s, to begin with: answered %s", name, start(got.body))
	default:
		return true
	}
	return false
}

// m is a structure of a request.
type m map[string]any

// exchange writes raw bytes to a connection of their own and counts the answer.
// Unless more may follow the server is told that it has them all, or it would
// wait.
func (a *attacker) exchange(raw []byte, more bool) answer {
	c := a.dial(0)
	if c == nil {
		return answer{}
	}
	defer c.Close()
	a.sent(1)
	c.SetDeadline(time.Now().Add(answerTime))
	// The server may answer before it has read all, and close.
	_, writeErr := c.Write(raw)
	if tcp, ok := c.(*net.TCPConn); ok && !more {
		tcp.CloseWrite()
	}
	got, err := readAnswer(c)
	if err != nil {
		a.broke(errors.Join(err, writeErr))
		return got
	}
	a.answered(got.status)
	a.judge(got, request{target: string(raw[:min(len(raw), 40)])})
	return got
}

// readAnswer reads an answer of HTTP/1.1.
func readAnswer(r io.Reader) (answer, error) {
	resp, err := http.ReadResponse(bufio.NewReaderSize(r, 1<<10), nil)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	got := answer{status: resp.StatusCode}
	for name, values := range resp.Header {
		got.head += len(name) + len(strings.Join(values, ""))
	}
	got.body, err = io.ReadAll(resp.Body)
	return got, err
}

// A tally counts what an attack sent, and what came of it.
type tally struct {
	lock sync.Mutex

	Sent     int
	Statuses map[int]int    // answers
	Others   map[string]int // other ends
	Wrong    int            // what the server must not do
	Examples []string       // of it

	Codes   map[string]int // of refusals
	Slowest time.Duration  // that an answer took
	Slow    string         // which one
}

// code finds the code of an error in an answer of either protocol.
var code = regexp.MustCompile("[A-Z][A-Za-z]+(?:Exception|Failure|Unavailable)")

// refusedAs counts the code of a refusal.
func (t *tally) refusedAs(got answer) {
	if got.status < 400 {
		return
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.Codes == nil {
		t.Codes = make(map[string]int)
	}
	t.Codes[string(code.Find(got.body))]++
}

// took notes how long an answer took.
func (t *tally) took(d time.Duration, what string) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if d > t.Slowest {
		t.Slowest, t.Slow = d, what
	}
}

// add adds another tally, which nobody changes any more.
func (t *tally) add(o *tally) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.Sent += o.Sent
	t.Wrong += o.Wrong
	t.Examples = append(t.Examples, o.Examples...)
	t.Statuses, t.Others, t.Codes = sum(t.Statuses, o.Statuses), sum(t.Others, o.Others), sum(t.Codes, o.Codes)
}

// sum adds counts to counts.
func sum[K comparable](counts, more map[K]int) map[K]int {
	if counts == nil {
		return more
	}
	for key, n := range more {
		counts[key] += n
	}
	return counts
}

// maxExamples is how many are kept of what went wrong.
const maxExamples = 3

func (t *tally) sent(n int) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.Sent += n
}

func (t *tally) answered(status int) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.Statuses == nil {
		t.Statuses = make(map[int]int)
	}
	t.Statuses[status]++
}

// other counts an end that is no answer, by its name.
func (t *tally) other(name string) { t.others(name, 1) }

func (t *tally) others(name string, n int) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.Others == nil {
		t.Others = make(map[string]int)
	}
	t.Others[name] += n
}

// broke counts a request without an answer.
func (t *tally) broke(err error) {
	var netErr net.Error
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &netErr) && netErr.Timeout() {
		t.other("silent")
		return
	}
	t.other("closed")
}

// wrongly notes what the server must not do.
func (t *tally) wrongly(format string, args ...any) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.Wrong++
	if len(t.Examples) < maxExamples {
		t.Examples = append(t.Examples, fmt.Sprintf(format, args...))
	}
}
