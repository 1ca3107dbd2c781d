package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/console"
	"github.com/weirstream/weir/lease"
)

// A client is a browser of this machine, as far as a console can tell.
type client struct {
	t       *testing.T
	handler http.Handler
}

func (c client) do(method, path string, form url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	c.t.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:4567/_weir/"+path, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	r.RemoteAddr = "127.0.0.1:50000"
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	return w
}

func (c client) get(path string) string {
	c.t.Helper()
	w := c.do(http.MethodGet, path, nil)
	require.Equal(c.t, http.StatusOK, w.Code, w.Body.String())
	return w.Body.String()
}

var tokenField = regexp.MustCompile(`name="token" value="(\w+)"`)

// token returns the token of the forms of a page.
func (c client) token(path string) string {
	c.t.Helper()
	found := tokenField.FindStringSubmatch(c.get(path))
	require.Len(c.t, found, 2, "no form")
	return found[1]
}

// change carries out a change as its page does, and returns the page that follows.
func (c client) change(pairs ...string) string {
	c.t.Helper()
	form := values(pairs...)
	page := "records?name=" + form.Get("name")
	if form.Get("do") != "put" {
		page = "change?" + form.Encode()
	}
	form.Set("token", c.token(page))
	w := c.do(http.MethodPost, "change", form)
	require.Equal(c.t, http.StatusSeeOther, w.Code, w.Body.String())
	return c.get(w.Header().Get("Location"))
}

func values(pairs ...string) url.Values {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

func newStream(t *testing.T, name string, c weir.Config) *weir.Stream {
	t.Helper()
	s, err := weir.NewStream(name, c)
	require.NoError(t, err)
	return s
}

func newClient(t *testing.T, c console.Config) client {
	t.Helper()
	handler, err := console.New(c)
	require.NoError(t, err)
	return client{t, handler}
}

func put(t *testing.T, s *weir.Stream, key, data string) weir.Placed {
	t.Helper()
	at, err := s.PutRecord(t.Context(), key, []byte(data))
	require.NoError(t, err)
	return at
}

func TestConsole_showsStreamsAndTheirPages(t *testing.T) {
	orders := newStream(t, "orders", weir.Config{Shards: 4})
	for i := range 10 {
		put(t, orders, fmt.Sprint("key-", i), `{"kind":"order"}`)
	}
	c := client{t, console.Handler(orders, nil, newStream(t, "clicks", weir.Config{}), orders)}
	list := c.get("")
	assert.Equal(t, 1, strings.Count(list, ">orders</a>"), "once, though it is given twice")
	assert.Contains(t, list, ">clicks</a>")
	assert.NotContains(t, list, "New stream", "a program makes its streams")
	for _, page := range []string{"stream", "shards", "readers", "records", "keys", "settings"} {
		body := c.get(page + "?name=orders")
		assert.Contains(t, body, "orders", page)
		assert.Contains(t, body, "</html>", page)
		assert.NotContains(t, body, "style=", "the policy allows no style in attributes")
		assert.NotContains(t, body, "ZgotmplZ", "the template trusts all that it writes")
		assert.NotContains(t, body, "NaN", page)
	}
	shards := c.get("shards?name=orders")
	assert.Equal(t, 4, strings.Count(shards, `data-start=`))
	assert.Contains(t, shards, "4 open, 0 closed")
	assert.Contains(t, c.get("stream?name=orders&shard=shardId-000000000002"), "<h1>shardId-000000000002</h1>")
}

func TestConsole_saysWhatThereIsNot(t *testing.T) {
	c := client{t, console.Handler(newStream(t, "orders", weir.Config{}))}
	for path, status := range map[string]int{
		"stream?name=none": 404, "nothing": 404, "stream?name=orders&shard=shardId-000000000009": 404,
		"record?name=orders&number=1": 404, "record?name=orders&number=x": 404, "change?name=orders&do=x": 400,
		"change?name=orders&do=resize&target=0": 400, "change?name=orders&do=delete": 400, "new": 403,
		"change?name=orders&do=split&shard=shardId-000000000000&key=0": 400,
	} {
		w := c.do(http.MethodGet, path, nil)
		assert.Equal(t, status, w.Code, path)
		assert.Contains(t, w.Body.String(), "Not possible", path)
	}
	assert.Equal(t, http.StatusMethodNotAllowed, c.do(http.MethodPost, "stream?name=orders", nil).Code)
	assert.Contains(t, c.get("records?name=orders&from=time&pos=nonsense"), "is no time")
	assert.Contains(t, c.get("records?name=orders&pattern=%7B"), "pattern:")
	_, err := console.New(console.Config{AllowHosts: []string{"a:80"}})
	assert.ErrorContains(t, err, "AllowHosts[0]")
}

// What a stream does by the second stands beside its limits.
func TestConsole_showsSecondsBesideLimits(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	s := newStream(t, "orders", weir.Config{Now: clock})
	for range 1200 {
		s.PutRecord(t.Context(), "hot", []byte("x"))
	}
	now = now.Add(time.Second)
	c := newClient(t, console.Config{Source: console.Streams(s), Now: clock, Price: func(u console.Use) console.Price {
		return console.Price{Amount: float64(u.Records) / u.Period.Seconds(), Currency: "USD", Plan: "a test"}
	}})
	page := c.get("stream?name=orders")
	assert.Contains(t, page, "200 records were throttled in the last minute")
	assert.Contains(t, page, "busiest second <strong>1,000</strong> of 1,000 <span class=\"share bad\">100 %</span>")
	assert.Contains(t, page, `class="l11"`, "a second with throttles has a colour of its own")
	assert.Contains(t, page, "100 USD")
	assert.Contains(t, c.get(""), "<strong class=\"bad\">200</strong>")
	assert.Contains(t, c.get("keys?name=orders"), "hot")
}

func TestConsole_changesWhatItShows(t *testing.T) {
	s := newStream(t, "orders", weir.Config{})
	c := client{t, console.Handler(s)}
	page := c.change("do", "put", "name", "orders", "key", "k", "data", "68 65", "as", "hex")
	assert.Contains(t, page, "Done: Put a record into orders, in shardId-000000000000")
	assert.Contains(t, page, "aws kinesis put-record --stream-name orders --partition-key k --data aGU=")
	assert.Contains(t, page, "<code>he</code>")

	plan := c.get("change?do=split&name=orders&shard=shardId-000000000000&part=0.25")
	assert.Contains(t, plan, "The lower child gets 25.0 %")
	assert.Contains(t, plan, "aws kinesis split-shard --stream-name orders --shard-to-split shardId-000000000000 --new-starting-hash-key 85070591730234615865843651857942052864")
	page = c.change("do", "split", "name", "orders", "shard", "shardId-000000000000")
	assert.Contains(t, page, "into shardId-000000000001 and shardId-000000000002")
	assert.Contains(t, page, "2 open, 1 closed")
	page = c.change("do", "merge", "name", "orders", "lower", "shardId-000000000001", "upper", "shardId-000000000002")
	assert.Contains(t, page, "1 open, 3 closed")

	plan = c.get("change?do=resize&name=orders&target=2")
	assert.Contains(t, plan, "1 split and 0 merges lead from 1 open shard to 2")
	assert.Contains(t, plan, "aws kinesis update-shard-count --stream-name orders --target-shard-count 2 --scaling-type UNIFORM_SCALING")
	assert.Equal(t, 1, s.Capacity().OpenShards, "a plan changes nothing")
	assert.Contains(t, c.change("do", "resize", "name", "orders", "target", "2"), "2 open, 4 closed")

	page = c.change("do", "retention", "name", "orders", "hours", "48")
	assert.Contains(t, page, "increase-stream-retention-period --stream-name orders --retention-period-hours 48")
	assert.Equal(t, 48*time.Hour, s.Settings().Retention)
	assert.Contains(t, c.get("change?do=retention&name=orders&hours=24"), "decrease-stream-retention-period")
	c.change("do", "mode", "name", "orders", "mode", "on-demand")
	assert.Equal(t, weir.OnDemand, s.Settings().Mode)
	page = c.change("do", "register", "name", "orders", "consumer", "audit")
	assert.Contains(t, page, "audit")
	assert.Len(t, s.Consumers(), 1)
	c.change("do", "deregister", "name", "orders", "consumer", "audit")
	assert.Empty(t, s.Consumers())

	form := values("do", "deregister", "name", "orders", "consumer", "audit", "token", c.token("records?name=orders"))
	w := c.do(http.MethodPost, "change", form)
	assert.Equal(t, http.StatusUnprocessableEntity, w.Code)
	assert.Contains(t, w.Body.String(), "audit", "it says why")
}

// A change must come from one of our own pages, whatever the browser knows.
func TestConsole_refusesChangesOfOthers(t *testing.T) {
	s := newStream(t, "orders", weir.Config{})
	c := client{t, console.Handler(s)}
	form := values("do", "put", "name", "orders", "key", "k", "data", "x", "token", c.token("records?name=orders"))
	head := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	bad := map[string][]func(*http.Request){
		"cross-site":      {head("Sec-Fetch-Site", "cross-site")},
		"same site":       {head("Sec-Fetch-Site", "same-site")},
		"another origin":  {head("Sec-Fetch-Site", ""), head("Origin", "https://evil.example.net")},
		"no origin":       {head("Sec-Fetch-Site", ""), head("Origin", "null")},
		"another port":    {head("Sec-Fetch-Site", ""), head("Origin", "http://127.0.0.1:8080")},
		"a rebound name":  {func(r *http.Request) { r.Host = "evil.example.net:4567" }},
		"another machine": {func(r *http.Request) { r.RemoteAddr = "192.0.2.7:1000" }},
	}
	for name, change := range bad {
		assert.Equal(t, http.StatusForbidden, c.do(http.MethodPost, "change", form, change...).Code, name)
	}
	without := values("do", "put", "name", "orders", "key", "k", "data", "x")
	assert.Equal(t, http.StatusForbidden, c.do(http.MethodPost, "change", without).Code, "without a token")
	without.Set("token", "AAAA")
	assert.Equal(t, http.StatusForbidden, c.do(http.MethodPost, "change", without).Code, "with a wrong one")
	w := c.do(http.MethodPost, "change?token="+form.Get("token"), values("do", "put", "name", "orders", "key", "k", "data", "x"))
	assert.Equal(t, http.StatusForbidden, w.Code, "a token in the address is none: addresses are passed on")
	assert.Zero(t, s.Snapshot().Total.IncomingRecords)
	assert.Equal(t, http.StatusSeeOther, c.do(http.MethodPost, "change", form).Code)

	readOnly := newClient(t, console.Config{Source: console.Streams(s), ReadOnly: true})
	for _, page := range []string{"", "stream?name=orders", "shards?name=orders", "readers?name=orders", "records?name=orders", "settings?name=orders"} {
		body := readOnly.get(page)
		assert.NotContains(t, body, `action="change"`, page)
		assert.NotContains(t, body, "change?", page)
	}
	assert.Equal(t, http.StatusForbidden, readOnly.do(http.MethodPost, "change", form).Code)
	assert.Equal(t, http.StatusForbidden, readOnly.do(http.MethodGet, "change?do=resize&target=2&name=orders", nil).Code)
	assert.EqualValues(t, 1, s.Snapshot().Total.IncomingRecords)
}

// Only this machine, by an address or name of its own, is answered.
func TestConsole_answersThisMachine(t *testing.T) {
	source := console.Streams()
	standard := newClient(t, console.Config{Source: source})
	wide := newClient(t, console.Config{Source: source, AllowRemote: true, AllowHosts: []string{"weir.example.net"}})
	for _, row := range []struct {
		host, remote string
		ok, wide     bool
	}{
		{"127.0.0.1:4567", "127.0.0.1:1", true, true},
		{"localhost", "[::1]:1", true, true},
		{"[::1]:4567", "[::ffff:127.0.0.1]:1", true, true},
		{"console.localhost:80", "127.9.9.9:1", true, true},
		{"weir:4567", "127.0.0.1:1", true, true}, // a container's name
		{"weir.example.net", "127.0.0.1:1", false, true},
		{"127.0.0.1.example.net", "127.0.0.1:1", false, false},
		{"localhost.example.net", "127.0.0.1:1", false, false},
		{"127.0.0.1:4567", "192.0.2.1:1", false, true},
		{"127.0.0.1:4567", "", false, true},
	} {
		from := func(r *http.Request) { r.Host, r.RemoteAddr = row.host, row.remote }
		assert.Equal(t, row.ok, standard.do(http.MethodGet, "", nil, from).Code == http.StatusOK, "%+v", row)
		assert.Equal(t, row.wide, wide.do(http.MethodGet, "", nil, from).Code == http.StatusOK, "%+v", row)
	}
	h := standard.do(http.MethodGet, "", nil).Header()
	assert.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'")
	assert.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
	assert.Equal(t, "no-store", h.Get("Cache-Control"))
	assert.Empty(t, h.Get("Access-Control-Allow-Origin"))
}

// called is a source whose one stream has a name that no engine's stream can have.
type called struct {
	console.Source
	name string
}

func (s called) Streams(ctx context.Context) ([]console.Stream, error) {
	one, err := s.Stream(ctx, "", s.name)
	return []console.Stream{one}, err
}

func (s called) Stream(ctx context.Context, at, name string) (console.Stream, error) {
	if name != s.name {
		return console.Stream{}, fmt.Errorf("stream %q: %w", name, console.ErrNoStream)
	}
	one, err := s.Source.Stream(ctx, at, "orders")
	one.At, one.Name, one.Status = s.name, s.name, s.name
	return one, err
}

func (s called) Do(ctx context.Context, at, _ string, a console.Action) (string, error) {
	return s.Source.Do(ctx, at, "orders", a)
}

// Scripts in names, keys and data are text wherever they are shown.
func TestConsole_escapesWhatComesFromStreams(t *testing.T) {
	const script = `"'><script>alert(1)</script><img src=x onerror=alert(1)>`
	s := newStream(t, "orders", weir.Config{})
	at := put(t, s, script, script)
	put(t, s, "json", `{"a":"`+`<script>alert(1)</script>`+`"}`)
	r, err := s.NewReader(script, weir.TrimHorizon())
	require.NoError(t, err)
	defer r.Close()
	store := new(lease.Memory)
	require.NoError(t, store.Create(t.Context(), lease.Lease{Key: "shardId-000000000000", Stream: "orders", Owner: script, Checkpoint: lease.Checkpoint{Sequence: lease.TrimHorizon}}))
	c := newClient(t, console.Config{Source: called{console.Streams(s), script}, Groups: func(context.Context) ([]console.Group, error) {
		return []console.Group{{Name: script, Store: store}}, nil
	}})
	name := url.QueryEscape(script)
	for _, path := range []string{
		"", "?q=" + name, "stream?name=" + name, "shards?name=" + name, "readers?name=" + name, "records?name=" + name,
		"records?name=" + name + "&key=" + name + "&pattern=" + name + "&pos=" + name + "&shard=" + name, "records?follow=1&name=" + name,
		"record?name=" + name + "&number=" + at.SequenceNumber.String(), "keys?name=" + name, "settings?name=" + name,
		"change?do=register&consumer=" + name + "&name=" + name, "change?do=reset&to=horizon&group=" + name + "&name=" + name,
		"change?do=" + name + "&name=" + name, "stream?name=x" + name, name,
	} {
		body := c.do(http.MethodGet, path, nil).Body.String()
		assert.NotContains(t, body, "<script>alert", path)
		assert.NotContains(t, body, "<img src=x", path)
		assert.NotContains(t, body, `="'>`, path)
	}
	raw := c.do(http.MethodGet, "record?raw=1&name="+name+"&number="+at.SequenceNumber.String(), nil)
	assert.Equal(t, script, raw.Body.String())
	assert.Equal(t, "application/octet-stream", raw.Header().Get("Content-Type"))
	assert.Contains(t, raw.Header().Get("Content-Disposition"), "attachment")
	put := values("do", "put", "name", script, "key", "it's", "data", "x", "token", c.token("records?name="+name))
	done := c.do(http.MethodPost, "change", put).Header().Get("Location")
	assert.Contains(t, c.get(done), `--partition-key &#39;it&#39;\&#39;&#39;s&#39; --data`, "quoted for a shell, too")
}

func TestConsole_browsesRecords(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	s := newStream(t, "orders", weir.Config{Shards: 2, Now: clock, Limits: weir.Unlimited()})
	c := newClient(t, console.Config{Source: console.Streams(s), Now: clock})
	var numbers []string
	for i := range 120 {
		at := put(t, s, fmt.Sprint("key-", i%3), fmt.Sprintf(`{"n":%d,"kind":"order"}`, i))
		numbers = append(numbers, at.SequenceNumber.String())
		now = now.Add(time.Second)
	}
	put(t, s, "binary", "\x00\xff\x01")

	next := regexp.MustCompile(`<a href="(records[^"]*)" rel="next"`)
	seen, path := 0, "records?name=orders"
	for pages := 1; ; pages++ {
		body := c.get(path)
		seen += strings.Count(body, `<td class="left data">`)
		found := next.FindStringSubmatch(body)
		if found == nil {
			assert.Equal(t, 3, pages)
			break
		}
		path = strings.ReplaceAll(found[1], "&amp;", "&")
	}
	assert.Equal(t, 121, seen, "each once")
	count := func(path string) int { return strings.Count(c.get(path), `<td class="left data">`) }
	assert.Equal(t, 40, count("records?name=orders&key=key-1"))
	assert.Equal(t, 1, count("records?name=orders&pattern="+url.QueryEscape(`{"data":{"n":[{"numeric":["=",77]}]}}`)))
	assert.Equal(t, 11, count("records?name=orders&from=time&pos="+url.QueryEscape("2026-01-02T12:01:50Z")))
	body := c.get("records?name=orders&from=number&pos=" + numbers[7])
	assert.Contains(t, strings.SplitAfter(body, "</tr>")[1], `{&#34;n&#34;:7,`, "the first row is that record")
	assert.Contains(t, c.get("records?name=orders&key=binary"), "<code>00ff01</code>")
	assert.Equal(t, 50, count("records?name=orders&follow=1"), "the last of the last minute")
	record := c.get("record?name=orders&number=" + numbers[7])
	assert.Contains(t, record, "{\n  &#34;n&#34;: 7,")
	assert.Contains(t, record, "aws kinesis get-shard-iterator")
}

func TestConsole_takesAggregatesApart(t *testing.T) {
	s := newStream(t, "orders", weir.Config{})
	c := client{t, console.Handler(s)}
	var b aggregate.Builder
	for i := range 3 {
		require.NoError(t, b.Add(weir.Entry{PartitionKey: fmt.Sprint("user-", i), Data: []byte(fmt.Sprint("inside ", i))}))
	}
	at, err := s.Put(t.Context(), b.Entry(nil))
	require.NoError(t, err)
	body := c.get("records?name=orders")
	assert.Contains(t, body, "<code>inside 2</code>")
	assert.Equal(t, 3, strings.Count(body, "from an aggregate"))
	whole := c.get("records?name=orders&packed=1")
	assert.NotContains(t, whole, "from an aggregate")
	assert.Equal(t, 1, strings.Count(whole, `<td class="left data">`))
	record := c.get("record?name=orders&number=" + at.SequenceNumber.String())
	assert.Contains(t, record, "an aggregate")
	assert.Contains(t, record, "user-1")
	assert.Contains(t, c.get("record?name=orders&sub=2&number="+at.SequenceNumber.String()), "inside 2")
}

func TestConsole_showsAndResetsGroups(t *testing.T) {
	s := newStream(t, "orders", weir.Config{})
	first := put(t, s, "a", "1")
	put(t, s, "b", "2")
	store := new(lease.Memory)
	require.NoError(t, store.Create(t.Context(), lease.Lease{Key: "shardId-000000000000", Stream: "orders", Owner: "worker-1", Checkpoint: lease.Checkpoint{Sequence: first.SequenceNumber.String()}}))
	c := newClient(t, console.Config{Source: console.Streams(s), Groups: func(context.Context) ([]console.Group, error) {
		return []console.Group{{Name: "audit", Store: store}}, nil
	}})
	body := c.get("readers?name=orders")
	assert.Contains(t, body, "1 record behind")
	assert.Contains(t, body, "; 1 worker")
	reset := "change?do=reset&to=latest&group=audit&name=orders"
	page := c.get(reset)
	assert.Contains(t, page, "weir group reset audit --to latest --yes")
	form := values("do", "reset", "name", "orders", "group", "audit", "to", "latest", "token", c.token(reset))
	w := c.do(http.MethodPost, "change", form)
	assert.Equal(t, http.StatusConflict, w.Code, "a worker holds the shard")

	list, err := store.List(t.Context())
	require.NoError(t, err)
	list[0].Owner = ""
	_, err = store.Update(t.Context(), list[0])
	require.NoError(t, err)
	w = c.do(http.MethodPost, "change", form)
	require.Equal(t, http.StatusSeeOther, w.Code)
	assert.Contains(t, c.get(w.Header().Get("Location")), "0 records behind")
}

func TestConsole_showsQueuesAndRestoresDeadLetters(t *testing.T) {
	s := newStream(t, "orders", weir.Config{})
	dead, broken := int64(3), console.Queue{Name: "broken", Look: func(context.Context) (console.QueueState, error) { return console.QueueState{}, errors.New("no disk") }}
	c := newClient(t, console.Config{Source: console.Streams(s), Queues: func(_ context.Context, s console.Stream) ([]console.Queue, error) {
		assert.Equal(t, "orders", s.Name)
		return []console.Queue{broken, {
			Name: "mail", ARN: "arn:aws:kinesis:us-east-1:000000000000:queue/q-1",
			Look: func(context.Context) (console.QueueState, error) {
				return console.QueueState{Visible: 4711, Waiting: -1, Dead: dead, Oldest: time.Hour, Shards: []console.QueueShard{{Shard: 7, Behind: 42}}}, nil
			},
			Restore: func(_ context.Context, most int) (int, error) {
				assert.Positive(t, most)
				n := dead
				dead = 0
				return int(n), nil
			},
		}}, nil
	}})
	body := c.get("readers?name=orders")
	for _, want := range []string{"4,711", "60 min", `<strong class="bad">3</strong>`, "shardId-000000000007", ">42<", "no disk", "<td>—</td>"} {
		assert.Contains(t, body, want)
	}
	assert.Equal(t, 1, strings.Count(body, ">Restore<"), "of the one that can be")
	page := c.get("change?do=restore&queue=mail&name=orders")
	assert.Contains(t, page, "3 dead letters can be received now")
	assert.Contains(t, page, "aws kinesis restore-dead-letter-queue-records --queue-arn arn:aws:kinesis")
	assert.Contains(t, c.change("do", "restore", "queue", "mail", "name", "orders"), "Done: 3 dead letters of queue mail are records again")
	assert.Zero(t, dead)
	assert.Equal(t, http.StatusNotFound, c.do(http.MethodGet, "change?do=restore&queue=broken&name=orders", nil).Code)
}

// A time ago is of the console's clock, which need not be the machine's.
func TestConsole_browsesByItsOwnClock(t *testing.T) {
	now := time.Date(2024, 2, 3, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	s := newStream(t, "orders", weir.Config{Now: clock})
	put(t, s, "a", "an older one")
	now = now.Add(10 * time.Minute)
	put(t, s, "b", "a newer one")
	c := newClient(t, console.Config{Source: console.Streams(s), Now: clock})
	page := c.get("records?name=orders&from=time&pos=5m")
	assert.Contains(t, page, "a newer one")
	assert.NotContains(t, page, "an older one")
	assert.Contains(t, c.get("records?name=orders&from=time&pos=11m"), "an older one")
}
