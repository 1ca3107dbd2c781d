package console_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/console"
)

var rowOfStream = regexp.MustCompile(`<th scope="row" class="left"><a [^>]*>([\w-]+)</a>`)

// streamsOf returns the streams of a list, in its order.
func streamsOf(page string) (names []string) {
	for _, row := range rowOfStream.FindAllStringSubmatch(page, -1) {
		names = append(names, row[1])
	}
	return names
}

// Each title of a column sorts the list by what the column has, the most first, and
// what is hot has those first that are throttled.
func TestList_isSortedByItsColumns(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	fill := func(name string, c weir.Config, records, size int) *weir.Stream {
		c.Now = clock
		s := newStream(t, name, c)
		for i := range records {
			_, err := s.PutRecord(t.Context(), fmt.Sprint(i), make([]byte, size))
			if err != nil {
				require.ErrorIs(t, err, weir.ErrThroughputExceeded)
			}
		}
		return s
	}
	old := fill("a-old", weir.Config{}, 1, 1)
	late, err := old.NewReader("late", weir.TrimHorizon())
	require.NoError(t, err)
	defer late.Close()
	now = now.Add(time.Minute)
	refused := fill("b-refused", weir.Config{}, 3, 700_000)
	many := fill("c-many", weir.Config{Shards: 3}, 900, 10)
	big := fill("d-big", weir.Config{Shards: 8}, 8, 500_000)
	_, err = many.RegisterConsumer(t.Context(), "fan")
	require.NoError(t, err)
	sub, err := many.Subscribe(t.Context(), "fan", 0, weir.TrimHorizon())
	require.NoError(t, err)
	defer sub.Close()
	_, err = sub.Next(t.Context())
	require.NoError(t, err)
	now = now.Add(2 * time.Second)

	uses := make(map[int]console.Use) // by the shards that there are
	c := newClient(t, console.Config{Source: console.Streams(old, refused, many, big), Now: clock, Price: func(u console.Use) console.Price {
		uses[u.OpenShards] = u
		return console.Price{Amount: float64(10 * u.OpenShards), Currency: "EUR"}
	}})
	page := c.get("")
	assert.Equal(t, []string{"a-old", "b-refused", "c-many", "d-big"}, streamsOf(page))
	first := make(map[string]string)
	for _, link := range regexp.MustCompile(`<a href="\./\?sort=(\w+)"`).FindAllStringSubmatch(page, -1) {
		first[link[1]] = streamsOf(c.get("?sort=" + link[1]))[0]
	}
	assert.Equal(t, map[string]string{
		"hot": "b-refused", "in": "c-many", "out": "c-many", "throttled": "b-refused", "age": "a-old", "held": "d-big", "shards": "d-big", "cost": "d-big",
	}, first)
	assert.Contains(t, page, "80 EUR")
	u := uses[3]
	assert.Equal(t, []int64{900, 10 * 900}, []int64{u.Records, u.Bytes - keyBytes(900)}, "of the last ten seconds")
	assert.Equal(t, []any{10 * time.Second, 1, 24 * time.Hour, weir.Provisioned}, []any{u.Period, u.Consumers, u.Retention, u.Mode})
	assert.Positive(t, u.FanOutBytes)
	assert.Equal(t, u.OutBytes, u.FanOutBytes, "nobody else reads")
	assert.NotContains(t, newClient(t, console.Config{Source: console.Streams(big)}).get(""), "A month")

}

// keyBytes is how long the keys of so many records are in all.
func keyBytes(n int) (bytes int64) {
	for i := range n {
		bytes += int64(len(fmt.Sprint(i)))
	}
	return bytes
}

// A making is a source whose stream is being created.
type making struct{ console.Source }

func (making) Streams(context.Context) ([]console.Stream, error) {
	return []console.Stream{{Name: "new", Status: "CREATING"}}, nil
}

func (making) Stream(context.Context, string, string) (console.Stream, error) {
	return console.Stream{Name: "new", Status: "CREATING"}, nil
}

// A stream that is being created has its status, and says on each page that there
// is nothing to show yet; nothing can be done to it but to delete it.
func TestConsole_showsStreamsThatAreBeingCreated(t *testing.T) {
	c := newClient(t, console.Config{Source: making{newWorld(t)}})
	assert.Contains(t, c.get(""), "CREATING")
	assert.Contains(t, c.get(""), "nothing to show yet")
	assert.Contains(t, c.get("?sort=hot"), "nothing to show yet")
	page := c.get("stream?name=new")
	assert.Contains(t, page, "There is nothing to show until the stream is active")
	assert.NotContains(t, page, ">Shards</a>")
	assert.Contains(t, c.get("top.json"), `"name":"new","status":"CREATING"`)
	for _, path := range []string{"shards?name=new", "readers?name=new", "records?name=new", "record?name=new&number=1", "keys?name=new", "settings?name=new", "change?do=resize&target=2&name=new"} {
		got := c.do(http.MethodGet, path, nil)
		assert.Equal(t, http.StatusBadRequest, got.Code, path)
		assert.Contains(t, got.Body.String(), "the stream is being created or deleted, and has nothing to show", path)
	}
	assert.Contains(t, c.get("change?do=delete&name=new"), "Delete new")
}

// A broken source tells why on each page that asks it.
type broken struct{ console.Source }

func (broken) Streams(context.Context) ([]console.Stream, error) {
	return nil, errors.New("the disk is gone")
}

func TestConsole_saysWhatItsSourceSays(t *testing.T) {
	c := newClient(t, console.Config{Source: broken{newWorld(t)}})
	for _, path := range []string{"", "?sort=hot", "top.json"} {
		got := c.do(http.MethodGet, path, nil)
		assert.Equal(t, http.StatusInternalServerError, got.Code, path)
		assert.Contains(t, got.Body.String(), "the disk is gone", path)
	}
}

// Commands name the endpoint as the browser does, and a new stream's mode.
func TestCommand_namesTheEndpoint(t *testing.T) {
	c := newClient(t, console.Config{Source: newWorld(t), API: true})
	page := c.get("change?do=create&name=new&mode=on-demand")
	assert.Contains(t, page, "aws kinesis create-stream --stream-name new --stream-mode-details StreamMode=ON_DEMAND --endpoint-url http://127.0.0.1:4567<")
	got := c.do(http.MethodGet, "change?do=mode&mode=provisioned&name=orders", nil, func(r *http.Request) { r.TLS = new(tls.ConnectionState) })
	assert.Contains(t, got.Body.String(), "--stream-mode-details StreamMode=PROVISIONED --endpoint-url https://127.0.0.1:4567<")
}

// Files that pages load have their types, may be kept no longer than they are
// current, and are all that there is.
func TestConsole_servesItsFiles(t *testing.T) {
	c := newWorld(t).client(false)
	for name, kind := range map[string]string{"style.css": "text/css; charset=utf-8", "live.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"} {
		got := c.do(http.MethodGet, name, nil)
		assert.Equal(t, http.StatusOK, got.Code, name)
		assert.Equal(t, kind, got.Header().Get("Content-Type"), name)
		assert.Equal(t, "nosniff", got.Header().Get("X-Content-Type-Options"), name)
		assert.Equal(t, "no-cache", got.Header().Get("Cache-Control"), name)
		assert.NotEmpty(t, got.Body.String(), name)
		assert.NotRegexp(t, `https?://(?:[^w]|w[^w])`, strings.ReplaceAll(got.Body.String(), "http://www.w3.org/", ""), "%s loads nothing from elsewhere", name)
		assert.Equal(t, http.StatusMethodNotAllowed, c.do(http.MethodPost, name, nil).Code, name)
	}
	for _, name := range []string{"live.css", "pages/list.html", "..%2fconsole.go", "favicon.ico"} {
		assert.Equal(t, http.StatusNotFound, c.do(http.MethodGet, name, nil).Code, name)
	}
}

// What is said of a change is said to who made it, also when the page is loaded
// again, and kept of the last changes only.
func TestConsole_keepsNotesOfTheLastChangesOnly(t *testing.T) {
	w := newWorld(t)
	c := w.client(false)
	token := c.token("records?name=orders")
	var pages []string
	for i := range 33 {
		got := c.do(http.MethodPost, "change", values("do", "put", "name", "orders", "key", fmt.Sprint("key-", i), "data", "x", "token", token))
		require.Equal(t, http.StatusSeeOther, got.Code)
		pages = append(pages, got.Header().Get("Location"))
	}
	for range 2 {
		assert.Contains(t, c.get(pages[32]), "--partition-key key-32 ")
	}
	assert.Contains(t, c.get(pages[1]), "--partition-key key-1 ")
	assert.NotContains(t, c.get(pages[0]), "Done: ", "it gave way")
	assert.NotContains(t, c.get("records?name=orders&said=x"), "Done: ")
}

// A stream that is read, and in which nothing arrives, is drawn as such: no page has
// what is no number.
func TestConsole_drawsWhatIsOnlyRead(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for name, limits := range map[string]weir.Limits{"limited": {}, "unlimited": {WriteRecordsPerSecond: -1, WriteBytesPerSecond: -1, ReadBytesPerSecond: -1}} {
		s := newStream(t, "orders", weir.Config{Now: func() time.Time { return now }, Limits: limits})
		put(t, s, "k", "x")
		now = now.Add(10 * time.Minute)
		it, err := s.Iterator(t.Context(), 0, weir.TrimHorizon())
		require.NoError(t, err)
		_, err = s.GetRecords(t.Context(), it, 1)
		require.NoError(t, err)
		now = now.Add(2 * time.Second)
		c := newClient(t, console.Config{Source: console.Streams(s), Now: func() time.Time { return now }})
		for _, path := range []string{"", "stream?name=orders", "shards?name=orders", "readers?name=orders", "keys?name=orders", "settings?name=orders", "top.json", "change?do=split&shard=shardId-000000000000&name=orders"} {
			assert.NotRegexp(t, `NaN|Inf`, c.get(path), "%s: %s", name, path)
		}
		assert.NotContains(t, c.get(""), "h.84v", "no bar")
		assert.Equal(t, name == "unlimited", strings.Contains(c.get("stream?name=orders"), "its colour is what it takes in beside the busiest."), name)
		assert.Equal(t, name == "limited", strings.Contains(c.get("shards?name=orders"), "<span>at the limit</span>"), name)
	}
}
