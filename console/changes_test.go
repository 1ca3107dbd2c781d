package console_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/console"
	"github.com/weirstream/weir/lease"
)

// A world has all that changes are about, and counts those that were made.
type world struct {
	console.Source
	t      *testing.T
	stream *weir.Stream
	groups *lease.Memory
	dead   int
	made   int
}

func newWorld(t *testing.T) *world {
	s := newStream(t, "orders", weir.Config{Shards: 2})
	_, err := s.RegisterConsumer(t.Context(), "audit")
	require.NoError(t, err)
	w := &world{Source: console.Streams(s), t: t, stream: s, groups: new(lease.Memory), dead: 3}
	require.NoError(t, w.groups.Create(t.Context(), lease.Lease{Key: "shardId-000000000000", Stream: "orders", Checkpoint: lease.Checkpoint{Sequence: lease.TrimHorizon}}))
	return w
}

func (w *world) Can() bool { return true }

func (w *world) Do(ctx context.Context, at, name string, a console.Action) (string, error) {
	w.made++
	switch a.(type) {
	case console.Create, console.Delete:
		return "", nil
	}
	return w.Source.Do(ctx, at, name, a)
}

// changes returns how many changes were made.
func (w *world) changes() int {
	n := w.made
	list, err := w.groups.List(w.t.Context())
	require.NoError(w.t, err)
	if list[0].Checkpoint.Sequence != lease.TrimHorizon {
		n++
	}
	if w.dead == 0 {
		n++
	}
	return n
}

func (w *world) client(readOnly bool) client {
	return newClient(w.t, console.Config{
		Source: w, ReadOnly: readOnly,
		Groups: func(context.Context) ([]console.Group, error) {
			return []console.Group{{Name: "audit", Store: w.groups}}, nil
		},
		Queues: func(context.Context, console.Stream) ([]console.Queue, error) {
			return []console.Queue{{
				Name: "mail", Look: func(context.Context) (console.QueueState, error) { return console.QueueState{Dead: int64(w.dead)}, nil },
				Restore: func(context.Context, int) (int, error) { n := w.dead; w.dead = 0; return n, nil },
			}}, nil
		},
	})
}

// A changeRow is a change: a form that makes it, and forms that are refused, each
// with what the answer says of field, value and limit.
type changeRow struct {
	form []string
	bad  []badForm
}

type badForm struct {
	form []string // in the place of what the good form has
	want string
}

const (
	shard0, shard1 = "shardId-000000000000", "shardId-000000000001"
	noNumber       = " is no number from 1 to "
	isClosed       = "shardId-000000000007 is not open"
	noShard        = ` is no id of a shard, such as shardId-000000000000`
	noHash         = ` is no hash key, a decimal number from 0 to 2^128 - 1`
)

var changeRows = map[string]changeRow{
	"put": {[]string{"key", "k", "data", "x"}, []badForm{
		{[]string{"key", ""}, `key: "" has 0 characters; 1 to 256 are allowed`},
		{[]string{"key", strings.Repeat("k", 257)}, "has 257 characters; 1 to 256 are allowed"},
		{[]string{"as", "base32"}, `as: "base32" is none of text, base64 and hex`},
		{[]string{"as", "hex", "data", "0g"}, "data: it is no hex: "},
		{[]string{"as", "base64", "data", "?"}, "data: it is no base64: "},
		{[]string{"hash", "-1"}, `hash: "-1"` + noHash},
		{[]string{"hash", "340282366920938463463374607431768211456"}, `hash: "340282366920938463463374607431768211456"` + noHash},
	}},
	"split": {[]string{"shard", shard0}, []badForm{
		{[]string{"shard", ""}, `shard: ""` + noShard},
		{[]string{"shard", "x"}, `shard: "x"` + noShard},
		{[]string{"shard", "shardId-000000000007"}, "shard: " + isClosed},
		{[]string{"key", "x"}, `key: "x"` + noHash},
		{[]string{"key", "0"}, "key: shardId-000000000000 cannot be split at 0: it has the hash keys 0"},
		{[]string{"part", "half"}, `part: "half" is no number between 0 and 1`},
		{[]string{"part", "1"}, `part: "1" is no number between 0 and 1`},
		{[]string{"part", "NaN"}, `part: "NaN" is no number between 0 and 1`},
	}},
	"merge": {[]string{"lower", shard0, "upper", shard1}, []badForm{
		{[]string{"lower", "x"}, `lower: "x"` + noShard},
		{[]string{"upper", ""}, `upper: ""` + noShard},
		{[]string{"upper", "shardId-000000000007"}, "upper: " + isClosed},
		{[]string{"lower", shard1, "upper", shard0}, "upper: shardId-000000000000 does not have the hash keys that follow those of shardId-000000000001"},
		{[]string{"upper", shard0}, "upper: shardId-000000000000 does not"},
	}},
	"resize": {[]string{"target", "3"}, []badForm{
		{[]string{"target", "0"}, `target: "0"` + noNumber + "100000"},
		{[]string{"target", "100001"}, `target: "100001"` + noNumber + "100000"},
		{[]string{"target", "many"}, `target: "many"` + noNumber},
		{[]string{"target", "2.5"}, `target: "2.5"` + noNumber},
	}},
	"retention": {[]string{"hours", "48"}, []badForm{
		{[]string{"hours", "0"}, `hours: "0"` + noNumber + "8760"},
		{[]string{"hours", "8761"}, `hours: "8761"` + noNumber + "8760"},
		{[]string{"hours", ""}, `hours: ""` + noNumber},
	}},
	"mode": {[]string{"mode", "on-demand"}, []badForm{
		{[]string{"mode", ""}, `mode: "" is neither provisioned nor on-demand`},
		{[]string{"mode", "serverless"}, `mode: "serverless" is neither provisioned nor on-demand`},
	}},
	"register": {[]string{"consumer", "billing"}, []badForm{
		{[]string{"consumer", " "}, `consumer: "" has 0 characters; 1 to 128 are allowed`},
		{[]string{"consumer", strings.Repeat("c", 129)}, "has 129 characters; 1 to 128 are allowed"},
		{[]string{"consumer", "a b"}, `consumer: "a b" has characters other than a-z, A-Z, 0-9, '.', '_' and '-'`},
	}},
	"deregister": {[]string{"consumer", "audit"}, []badForm{
		{[]string{"consumer", ""}, `consumer: "" has 0 characters`},
		{[]string{"consumer", "é"}, `consumer: "é" has characters other than`},
	}},
	"create": {[]string{"name", "made", "mode", "provisioned", "shards", "2"}, []badForm{
		{[]string{"name", ""}, `name: "" has 0 characters; 1 to 128 are allowed`},
		{[]string{"name", "a/b"}, `name: "a/b" has characters other than`},
		{[]string{"shards", "0"}, `shards: "0"` + noNumber + "10000"},
		{[]string{"shards", "10001"}, `shards: "10001"` + noNumber + "10000"},
		{[]string{"mode", "other"}, `mode: "other" is neither provisioned nor on-demand`},
	}},
	"delete": {[]string{"typed", "orders"}, []badForm{
		{[]string{"name", "none"}, `stream "none": there is no such stream`},
	}},
	"reset": {[]string{"group", "audit", "to", "latest"}, []badForm{
		{[]string{"to", "middle"}, `to: "middle" is neither horizon nor latest`},
		{[]string{"group", ""}, `group: there is none ""`},
		{[]string{"group", "other"}, `group: there is none "other"`},
	}},
	"restore": {[]string{"queue", "mail"}, []badForm{
		{[]string{"queue", ""}, `queue: there is none ""`},
		{[]string{"queue", "other"}, `queue: there is none "other" whose dead letters can be restored`},
	}},
}

func (row changeRow) values(do string, more ...string) url.Values {
	form := values("do", do, "name", "orders")
	for _, pairs := range [][]string{row.form, more} {
		maps.Copy(form, values(pairs...))
	}
	return form
}

// Whoever adds a change adds its row, and has it checked.
func TestChanges_haveRows(t *testing.T) {
	assert.Equal(t, console.ChangeNames(), slices.Sorted(maps.Keys(changeRows)))
}

func TestChanges_refuseBadInput(t *testing.T) {
	for do, row := range changeRows {
		for i, bad := range append(row.bad, badForm{[]string{"do", do + "x"}, fmt.Sprintf("do: %q is none of create, delete, ", do+"x")}) {
			t.Run(fmt.Sprint(do, "/", i), func(t *testing.T) {
				w := newWorld(t)
				c := w.client(false)
				form := row.values(do, bad.form...)
				methods := []string{http.MethodPost, http.MethodGet}
				if do == "put" {
					methods = methods[:1] // its form is on a page of its own
				}
				for _, method := range methods {
					path := "change"
					if method == http.MethodGet {
						path += "?" + form.Encode()
					}
					form.Set("token", c.token("records?name=orders"))
					got := c.do(method, path, form)
					assert.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound}, got.Code, method)
					assert.Contains(t, unescaped(got.Body.String()), bad.want, method)
				}
				assert.Zero(t, w.changes())
			})
		}
	}
}

var entities = strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">", "&amp;", "&")

func unescaped(page string) string { return entities.Replace(page) }

// Each change is refused to whoever has not loaded one of our own pages, and
// where nothing is to be changed; then it is made.
func TestChanges_areMadeByOurOwnPagesOnly(t *testing.T) {
	head := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for do, row := range changeRows {
		t.Run(do, func(t *testing.T) {
			w := newWorld(t)
			c := w.client(false)
			form := row.values(do, "token", c.token("records?name=orders"))
			for name, change := range map[string]func(*http.Request){
				"cross-site": head("Sec-Fetch-Site", "cross-site"), "same site": head("Sec-Fetch-Site", "same-site"),
				"another origin": func(r *http.Request) {
					r.Header.Del("Sec-Fetch-Site")
					r.Header.Set("Origin", "http://127.0.0.1:8080")
				},
				"a rebound name": func(r *http.Request) { r.Host = "evil.example.net:4567" }, "another machine": func(r *http.Request) { r.RemoteAddr = "192.0.2.7:1000" },
			} {
				assert.Equal(t, http.StatusForbidden, c.do(http.MethodPost, "change", form, change).Code, name)
			}
			token := form.Get("token")
			for name, wrong := range map[string]string{"no token": "", "another token": strings.Repeat("A", len(token)), "half of it": token[:10]} {
				form.Set("token", wrong)
				assert.Equal(t, http.StatusForbidden, c.do(http.MethodPost, "change", form).Code, name)
			}
			assert.Equal(t, http.StatusForbidden, c.do(http.MethodPost, "change?token="+token, form).Code, "in the address")
			readOnly := w.client(true)
			form.Set("token", token)
			assert.Equal(t, http.StatusForbidden, readOnly.do(http.MethodPost, "change", form).Code, "read only")
			assert.Equal(t, http.StatusForbidden, readOnly.do(http.MethodGet, "change?"+form.Encode(), nil).Code, "read only")
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				got := c.do(method, "change?"+form.Encode(), nil)
				assert.Contains(t, []int{http.StatusOK, http.StatusBadRequest}, got.Code, "a question changes nothing")
			}
			assert.Equal(t, http.StatusMethodNotAllowed, c.do(http.MethodPut, "change", form).Code)
			require.Zero(t, w.changes())

			got := c.do(http.MethodPost, "change", form)
			require.Equal(t, http.StatusSeeOther, got.Code, got.Body.String())
			assert.Equal(t, 1, w.changes())
			page := c.do(http.MethodGet, got.Header().Get("Location"), nil).Body.String()
			if do != "create" { // this stream is not there, for the world does not make it
				assert.Contains(t, page, "Done: ")
			}
		})
	}
}

// A change that the stream refuses says why, on its own page.
func TestChanges_sayWhyTheyFail(t *testing.T) {
	for do, row := range changeRows {
		if do == "reset" || do == "restore" {
			continue // by TestConsole_showsAndResetsGroups, TestConsole_restoresUntilThereAreNone
		}
		w := newWorld(t)
		c := newClient(t, console.Config{Source: failing{w}})
		got := c.do(http.MethodPost, "change", row.values(do, "token", c.token("records?name=orders")))
		assert.Equal(t, http.StatusUnprocessableEntity, got.Code, do)
		assert.Contains(t, got.Body.String(), `role="alert">no room for this`, do)
		assert.Contains(t, got.Body.String(), "aws kinesis ", do)
	}
}

type failing struct{ console.Source }

func (failing) Do(context.Context, string, string, console.Action) (string, error) {
	return "", errors.New("no room for this")
}

// What could not be put is kept, so that the page which says so can put it again;
// what is too long for that is not, and has no button.
func TestChanges_canPutAgain(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	s := newStream(t, "orders", weir.Config{Shards: 2, Now: func() time.Time { return now }})
	c := newClient(t, console.Config{Source: console.Streams(s), Now: func() time.Time { return now }})
	token := c.token("records?name=orders")
	for shard := range 2 {
		key := s.Shards()[shard].HashKeyRange.Start
		for range 2 {
			_, err := s.Put(t.Context(), weir.Entry{PartitionKey: "k", ExplicitHashKey: &key, Data: make([]byte, 1<<20-1)})
			if err != nil {
				require.ErrorIs(t, err, weir.ErrThroughputExceeded)
			}
		}
	}
	form := values("do", "put", "name", "orders", "key", "clé <1>", "hash", "7", "data", "é\r\n<b>", "token", token)
	got := c.do(http.MethodPost, "change", form)
	require.Equal(t, http.StatusUnprocessableEntity, got.Code)
	assert.Contains(t, got.Body.String(), `role="alert">`)
	again := url.Values{}
	for _, field := range hiddenField.FindAllStringSubmatch(got.Body.String(), -1) {
		again.Add(field[1], html.UnescapeString(field[2]))
	}
	assert.Equal(t, c.do(http.MethodPost, "change", again).Code, http.StatusUnprocessableEntity, "it is as it was")
	now = now.Add(2 * time.Second)
	require.Equal(t, http.StatusSeeOther, c.do(http.MethodPost, "change", again).Code)
	var last weir.Record
	for r, err := range s.Records(t.Context(), weir.TrimHorizon().In(0).ToTip()) { // where the hash key is, not the key's own
		require.NoError(t, err)
		last = r
	}
	require.Equal(t, "clé <1>", last.PartitionKey)
	assert.Equal(t, "é\n<b>", string(last.Data), "with the line ends that were typed")

	form.Set("data", strings.Repeat("x", 1<<20))
	got = c.do(http.MethodPost, "change", form)
	require.Equal(t, http.StatusUnprocessableEntity, got.Code)
	assert.Contains(t, got.Body.String(), "too long to be kept on this page")
	assert.NotContains(t, got.Body.String(), "<button class=\"primary")
	assert.Less(t, got.Body.Len(), 64<<10)
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
