package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/console"
	"github.com/weirstream/weir/lease"
)

// A pageRow is a page: its address beside the stream's name, what it says, and
// what it says to bad input.
type pageRow struct {
	path string
	says string
	bad  []badPage
}

type badPage struct {
	query  string
	status int
	want   string
}

// Of a bad query the page of records says what is wrong beside its form.
var pageRows = map[string]pageRow{
	"": {"", ">orders</a>", []badPage{
		{"?page=x", 200, ">orders</a>"}, {"?page=-7", 200, ">orders</a>"}, {"?sort=luck", 200, ">orders</a>"},
		{"?q=nothing-like-it", 200, "No stream is called so"},
	}},
	"stream": {"stream?name=orders", "Records in", []badPage{
		{"?name=none", 404, `stream "none": there is no such stream`}, {"", 404, `stream ""`}, {"?name=orders&shard=x", 404, `shard: "x" is no id of a shard, such as shardId-000000000000`},
		{"?name=orders&shard=shardId-000000000009", 404, "shardId-000000000009"},
	}},
	"shards": {"shards?name=orders", "2 open, 0 closed", []badPage{
		{"?name=none", 404, `stream "none"`}, {"?name=orders&page=99999999999999999999", 200, "2 open"}, {"?name=orders&sort=luck", 200, `aria-current="true">load</a>`},
	}},
	"readers": {"readers?name=orders", "Registered consumers", []badPage{{"?name=none", 404, `stream "none"`}}},
	"records": {"records?name=orders", `class="left data"`, []badPage{
		{"?name=none", 404, `stream "none"`},
		{"?name=orders&from=here", 200, `from: "here" is none of horizon, latest, time and number`},
		{"?name=orders&from=time&pos=soon", 200, `pos: "soon" is no time, such as 2026-01-31T12:00:00Z, or 5m for five minutes ago`},
		{"?name=orders&pos=5m", 200, `pos: "5m" says nothing beside the horizon; choose a time or a sequence number`},
		{"?name=orders&from=number&pos=12x", 200, `pos: "12x" is no sequence number`},
		{"?name=orders&shard=x", 200, `shard: "x" is no id of a shard`},
		{"?name=orders&shard=shardId-000000000077", 200, "shardId-000000000077"},
		{"?name=orders&pattern=x", 200, "pattern: "},
		{"?name=orders&place=forgotten", 200, `class="left data"`},
	}},
	"record": {"record?name=orders&number=NUMBER", "Its hash key", []badPage{
		{"?name=orders&number=x", 404, `number: "x" is no sequence number`}, {"?name=orders", 404, `number: "" is no sequence number`},
		{"?name=orders&number=NUMBER&sub=3", 404, "sub: record "}, {"?name=none&number=NUMBER", 404, `stream "none"`},
	}},
	"keys":     {"keys?name=orders", "Hot keys", []badPage{{"?name=none", 404, `stream "none"`}}},
	"settings": {"settings?name=orders", "Largest record", []badPage{{"?name=none", 404, `stream "none"`}}},
	"new":      {"new", "Capacity", nil},
	"change":   {"change?do=resize&target=3&name=orders", "from 2 open shards to 3", []badPage{{"?do=resize&target=3&name=none", 404, `stream "none"`}}},
	"top.json": {"top.json", `"name":"orders"`, nil},
}

func TestPages_haveRows(t *testing.T) {
	var names []string
	for name := range pageRows {
		names = append(names, name)
	}
	slices.Sort(names)
	assert.Equal(t, console.PageNames(), names)
}

// Each page says what it is for, to who asks rightly, and what is wrong, to who
// does not; and nothing else than reading it is possible.
func TestPages_answer(t *testing.T) {
	w := newWorld(t)
	number := put(t, w.stream, "k", "x").SequenceNumber.String()
	c := w.client(false)
	for name, row := range pageRows {
		path := strings.ReplaceAll(row.path, "NUMBER", number)
		body := c.get(path)
		assert.Contains(t, body, row.says, name)
		if name != "top.json" {
			assert.Contains(t, body, "</html>", name)
			assert.Equal(t, 1, strings.Count(body, "<h1>"), name)
		}
		head := c.do(http.MethodHead, path, nil)
		assert.Equal(t, http.StatusOK, head.Code, name)
		assert.Empty(t, head.Body.String(), name)
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, "PURGE"} {
			if name != "change" || method != http.MethodPost {
				assert.Equal(t, http.StatusMethodNotAllowed, c.do(method, path, nil).Code, "%s %s", method, name)
			}
		}
		for _, bad := range row.bad {
			got := c.do(http.MethodGet, name+strings.ReplaceAll(bad.query, "NUMBER", number), nil)
			assert.Equal(t, bad.status, got.Code, "%s%s", name, bad.query)
			assert.Contains(t, unescaped(got.Body.String()), bad.want, "%s%s", name, bad.query)
		}
	}
	assert.Zero(t, w.changes())
}

// What is refused is told back in part only, whatever there is of it.
func TestPages_boundWhatTheyTellBack(t *testing.T) {
	c := newWorld(t).client(false)
	long := strings.Repeat("x", 100<<10)
	for _, path := range []string{
		long, "stream?name=" + long, "stream?name=orders&shard=" + long, "records?name=orders&from=" + long, "records?name=orders&shard=" + long,
		"record?name=orders&number=" + long, "change?do=" + long, "change?do=resize&name=orders&target=" + long, "change?do=split&name=orders&shard=" + long,
		"change?do=split&name=orders&shard=shardId-000000000000&key=" + long, "change?do=register&name=orders&consumer=" + long, "change?do=mode&name=orders&mode=" + long,
		"change?do=reset&name=orders&to=" + long, "change?do=reset&to=latest&name=orders&group=" + long, "change?do=restore&name=orders&queue=" + long, "change?do=create&name=" + long,
	} {
		got := c.do(http.MethodGet, path, nil)
		size := len(strings.ReplaceAll(got.Body.String(), `value="`+long+`"`, "")) // a form keeps what was filled in
		assert.Less(t, size, 8<<10, path[:40])
	}
}

// A console that is for reading only has no way to a change on any page, and says
// that it is one.
func TestPages_forReadingOnly(t *testing.T) {
	w := newWorld(t)
	number := put(t, w.stream, "k", "x").SequenceNumber.String()
	for name, row := range pageRows {
		path := strings.ReplaceAll(row.path, "NUMBER", number)
		if name == "change" || name == "new" {
			got := w.client(true).do(http.MethodGet, path, nil)
			assert.Equal(t, http.StatusForbidden, got.Code, name)
			continue
		}
		body := w.client(true).get(path)
		for _, way := range []string{`action="change"`, "change?", `method="post"`, `href="new"`, `name="token"`} {
			assert.NotContains(t, body, way, name)
		}
		if name != "top.json" {
			assert.Contains(t, body, "read only", name)
		}
	}
}

// Scripts are text on each page, wherever they come from: the stream's name, place
// and status, keys and data, readers, consumers' groups and queues with their
// workers, places and errors.
func TestPages_escape(t *testing.T) {
	const script = `"'><script>alert(1)</script><img src=x onerror=alert(1)>`
	s := newStream(t, "orders", weir.Config{})
	number := put(t, s, script, script).SequenceNumber.String()
	r, err := s.NewReader(script, weir.TrimHorizon())
	require.NoError(t, err)
	defer r.Close()
	store := new(lease.Memory)
	require.NoError(t, store.Create(t.Context(), lease.Lease{Key: script, Stream: "orders", Owner: script, Checkpoint: lease.Checkpoint{Sequence: script}}))
	c := newClient(t, console.Config{
		Source: creating{called{console.Streams(s), script}},
		Groups: func(context.Context) ([]console.Group, error) {
			return []console.Group{{Name: script, Store: store, Kept: script}}, errors.New(script)
		},
		Queues: func(context.Context, console.Stream) ([]console.Queue, error) {
			return []console.Queue{{
				Name: script, ARN: script, Look: func(context.Context) (console.QueueState, error) {
					return console.QueueState{Shards: []console.QueueShard{{Behind: 1}}}, errors.New(script)
				},
				Restore: func(context.Context, int) (int, error) { return 0, errors.New(script) },
			}}, errors.New(script)
		},
		Price: func(console.Use) console.Price { return console.Price{Amount: 1, Currency: script, Plan: script} },
	})
	name := url.QueryEscape(script)
	for page, row := range pageRows {
		path := strings.ReplaceAll(strings.ReplaceAll(row.path, "NUMBER", number), "orders", name)
		for _, more := range []string{"", "&q=" + name + "&sort=" + name + "&page=" + name + "&shard=" + name, "&key=" + name + "&pattern=" + name + "&pos=" + name + "&from=" + name + "&said=" + name} {
			if !strings.Contains(path, "?") && more != "" {
				more = "?" + more[1:]
			}
			got := c.do(http.MethodGet, path+more, nil)
			if page == "top.json" {
				assert.Equal(t, "application/json", got.Header().Get("Content-Type"))
				assert.True(t, json.Valid(got.Body.Bytes()))
			}
			assertEscaped(t, got.Body.String(), path+more)
		}
	}
	token := c.token("records?name=" + name)
	for do, row := range changeRows {
		for _, field := range append([]string{"name", "at", "typed"}, row.form[0]) {
			form := row.values(do, "name", script, "token", token, field, script)
			assertEscaped(t, c.do(http.MethodGet, "change?"+form.Encode(), nil).Body.String(), do+" "+field)
			assertEscaped(t, c.do(http.MethodPost, "change", form).Body.String(), do+" "+field)
		}
	}
}

type creating struct{ console.Source }

func (creating) Can() bool { return true }

func assertEscaped(t *testing.T, body, what string) {
	t.Helper()
	for _, bad := range []string{"<script>alert", "<img src=x", `="'>`, "ZgotmplZ"} {
		assert.NotContains(t, body, bad, what)
	}
}

// The title of a window tells its page from the others of the stream, and from those
// of other streams.
func TestPages_areToldApartByTheirTitles(t *testing.T) {
	w := newWorld(t)
	number := put(t, w.stream, "k", "x").SequenceNumber.String()
	c := w.client(false)
	for path, want := range map[string]string{
		"": "Streams", "new": "New stream", "stream?name=orders": "orders", "shards?name=orders": "Shards of orders", "readers?name=orders": "Readers of orders",
		"records?name=orders": "Records of orders", "keys?name=orders": "Hot keys of orders", "settings?name=orders": "Settings of orders", "record?name=orders&number=" + number: "Record of orders",
		"change?do=resize&target=1&name=orders": "Resize to 1 shard: orders", "change?do=reset&to=latest&group=audit&name=orders": "Reset group audit",
		"change?do=restore&queue=mail&name=orders": "Restore dead letters of mail",
	} {
		assert.Contains(t, c.get(path), "<title>"+want+" · weir</title>", path)
	}
}

// Who has filled in a form wrongly is shown the way back to it.
func TestPages_leadBackToTheForm(t *testing.T) {
	c := newWorld(t).client(false)
	for path, want := range map[string]string{
		"change?do=create&name=a+b": `<a href="new">Back to New stream</a>`, "change?do=resize&name=orders&target=x": `<a href="shards?name=orders">Back to Shards</a>`,
		"change?do=put&name=orders": `<a href="records?name=orders">Back to Records</a>`, "change?do=retention&name=orders": `<a href="settings?name=orders">Back to Settings</a>`,
		"change?do=register&name=orders": `<a href="readers?name=orders">Back to Readers</a>`, "change?do=resize&name=none&target=1": `<p><a href="./">All streams</a></p>`,
		"stream?name=none": `<p><a href="./">All streams</a></p>`, "change?do=what": `<p><a href="./">All streams</a></p>`,
	} {
		page := c.do(http.MethodGet, path, nil).Body.String()
		assert.Contains(t, page, want, path)
		assert.Contains(t, page, `<a href="./">All streams</a>`, path)
	}
}
