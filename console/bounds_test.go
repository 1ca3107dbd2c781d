package console_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"mime/multipart"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/console"
)

// A page stays of a size, however many shards there are.
func TestConsole_boundsPagesOfManyShards(t *testing.T) {
	s := newStream(t, "wide", weir.Config{Shards: 10_000, Limits: weir.Unlimited()})
	c := client{t, console.Handler(s)}
	for i := range 2000 {
		put(t, s, fmt.Sprint(i), "x")
	}
	for _, path := range []string{"", "stream?name=wide", "shards?name=wide", "shards?name=wide&page=200", "readers?name=wide", "records?name=wide", "records?name=wide&follow=1", "keys?name=wide", "settings?name=wide", "change?do=resize&target=5000&name=wide", "top.json"} {
		body := c.get(path)
		assert.Less(t, len(body), 1<<20, path)
	}
	assert.Contains(t, c.get("shards?name=wide"), "8,000 older shards are not drawn")
	assert.Contains(t, c.get("change?do=resize&target=5000&name=wide"), "0 splits and 5,000 merges lead from 10,000 open shards to 5,000.")
	assert.Contains(t, c.get("shards?name=wide&page=200"), "9951–10000 of 10,000")
	assert.Contains(t, c.get("records?name=wide"), "Choose a shard to go on", "its places are too many to keep")
}

// Of ten thousand streams each page has 200 with their figures, a part of a name
// finds them, and they are sorted by what they do.
func TestConsole_boundsPagesOfManyStreams(t *testing.T) {
	streams := make([]*weir.Stream, 10_000)
	for i := range streams {
		streams[i] = newStream(t, fmt.Sprintf("stream-%05d", i), weir.Config{})
	}
	c := client{t, console.Handler(streams...)}
	body := c.get("")
	assert.Less(t, len(body), 256<<10)
	assert.Contains(t, body, "1–200 of 10,000")
	assert.Equal(t, 200, strings.Count(body, `class="spark"`), "all with figures")
	assert.Contains(t, c.get("?page=50"), ">stream-09999</a>")
	assert.Contains(t, c.get("?page=9999"), ">stream-09999</a>", "the last page there is")
	assert.Contains(t, c.get("?page=-1"), ">stream-00000</a>")
	found := c.get("?q=M-0042")
	assert.Contains(t, found, "stream-00420", "names are found in any case")
	assert.Equal(t, 10, strings.Count(found, `class="spark"`))
	assert.Contains(t, c.get("stream?name=stream-07777"), "stream-07777")
	assert.Less(t, len(c.get("top.json")), 1<<20)

	for range 1001 {
		_, _ = streams[8642].PutRecord(t.Context(), "k", nil) // the last is throttled
	}
	hottest := func() string {
		rows := strings.Split(c.get("?sort=hot"), `<th scope="row" class="left">`)
		require.Len(t, rows, 201)
		return rows[1]
	}
	// However long a look into all takes here, after some looks it is done.
	for range 200 {
		if strings.Contains(hottest(), ">stream-08642</a>") {
			break
		}
	}
	assert.Contains(t, hottest(), ">stream-08642</a>")
	assert.Contains(t, c.get("top.json"), `"streams":[{"name":"stream-08642"`)
	page := c.get("?sort=hot&q=stream-0&page=2")
	assert.Contains(t, page, `href="./?page=3&amp;q=stream-0&amp;sort=hot"`)
	assert.Contains(t, page, "201–400 of 10,000")
}

// Sorting streams looks into them for so long and not longer, goes on where it
// ended, and says what it has not come to.
func TestConsole_sortsStreamsAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		streams := make([]*weir.Stream, 300)
		for i := range streams {
			streams[i] = newStream(t, fmt.Sprintf("s-%03d", i), weir.Config{Now: time.Now, Limits: weir.Unlimited()})
			_, err := streams[i].PutCopies(t.Context(), weir.Entry{PartitionKey: "k"}, 1+(i*7)%300)
			require.NoError(t, err)
		}
		time.Sleep(time.Second)
		looked := 0
		c, err := console.New(console.Config{Source: console.Streams(streams...), Price: func(console.Use) console.Price {
			looked++
			time.Sleep(2 * time.Millisecond) // what a look takes here
			return console.Price{}
		}})
		require.NoError(t, err)
		left := 300
		for look := 1; ; look++ {
			before := looked
			names, unseen := c.Sorted(t.Context(), "in", 40*time.Millisecond)
			require.Len(t, names, 300)
			assert.LessOrEqual(t, looked-before, 48, "40 ms are twenty, and it looks at the time after each sixteen")
			assert.Equal(t, max(0, left-(looked-before)), unseen)
			if left = unseen; left == 0 {
				assert.Equal(t, []string{"s-257", "s-214", "s-171"}, names[:3])
				assert.Greater(t, look, 6)
				return
			}
		}
	})
}

// The largest record can be put, is listed and shown in part, and saved whole;
// what is larger is refused before it is read.
func TestConsole_boundsWhatIsShownOfLargeRecords(t *testing.T) {
	s := newStream(t, "orders", weir.Config{Settings: weir.Settings{RecordBytes: weir.MaxRecordBytes}, Limits: weir.Unlimited()})
	c := client{t, console.Handler(s)}
	data := bytes.Repeat([]byte("0123456789abcdef"), weir.MaxRecordBytes/16)[:weir.MaxRecordBytes-1]
	send := func(data []byte) int {
		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		for name, value := range map[string]string{"token": c.token("records?name=orders"), "do": "put", "name": "orders", "key": "k"} {
			require.NoError(t, w.WriteField(name, value))
		}
		part, err := w.CreateFormFile("file", "large")
		require.NoError(t, err)
		_, err = part.Write(data)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return c.do(http.MethodPost, "change", nil, func(r *http.Request) {
			r.Body, r.ContentLength = http.NoBody, 0
			*r = *r.WithContext(context.Background())
			r.Body = struct {
				*bytes.Reader
				nothing
			}{bytes.NewReader(form.Bytes()), nothing{}}
			r.Header.Set("Content-Type", w.FormDataContentType())
		}).Code
	}
	assert.Equal(t, http.StatusSeeOther, send(data))
	assert.Equal(t, http.StatusUnprocessableEntity, send(append(data, 'x')), "the stream refuses it")
	assert.Equal(t, http.StatusRequestEntityTooLarge, send(make([]byte, 2*weir.MaxRecordBytes+128<<10)))
	list := c.get("records?name=orders")
	assert.Less(t, len(list), 20<<10)
	link := list[strings.Index(list, "record?name="):]
	link = strings.ReplaceAll(link[:strings.IndexByte(link, '"')], "&amp;", "&")
	page := c.get(link)
	assert.Less(t, len(page), 120<<10)
	assert.Contains(t, page, "Only the beginning is shown")
	assert.Equal(t, data, c.do(http.MethodGet, link+"&raw=1", nil).Body.Bytes())
}

type nothing struct{}

func (nothing) Close() error { return nil }

// When nobody looks there is nothing: no goroutine, and no reader in the stream.
func TestConsole_costsNothingWhenNobodyLooks(t *testing.T) {
	s := newStream(t, "orders", weir.Config{Shards: 8, Limits: weir.Unlimited()})
	before := runtime.NumGoroutine()
	puts := func() float64 {
		return testing.AllocsPerRun(200, func() { _, _ = s.PutRecord(context.Background(), "key", []byte("data")) })
	}
	alone := puts()
	c := client{t, console.Handler(s)}
	for range 3 {
		for _, page := range []string{"", "stream?name=orders", "shards?name=orders", "readers?name=orders", "records?name=orders", "records?name=orders&follow=1", "keys?name=orders"} {
			c.get(page)
		}
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before, "those of earlier tests may have ended")
	assert.Empty(t, s.Snapshot().Readers)
	assert.InDelta(t, alone, puts(), 0.05)
}

// Hot keys are found by samples: each counts for about as much as it brings in,
// whatever shard it is in, and what is no more fades.
func TestConsole_findsHotKeys(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	s := newStream(t, "orders", weir.Config{Shards: 4, Now: clock, Limits: weir.Limits{WriteRecordsPerSecond: 20_000, WriteBytesPerSecond: -1}})
	c := newClient(t, console.Config{Source: console.Streams(s), Now: clock})
	second := func(hot string, n int) {
		for i := range 3000 {
			put(t, s, fmt.Sprint("cold-", i%1500), "x")
			if i%(3000/n) == 0 {
				put(t, s, hot, "x")
			}
			if i%300 == 299 {
				now = now.Add(100 * time.Millisecond)
			}
		}
	}
	for range 10 {
		second("hot-one", 1500)
		c.get("keys?name=orders")
	}
	rows := keysOf(c.get("keys?name=orders"))
	require.NotEmpty(t, rows)
	assert.Equal(t, "hot-one", rows[0].key)
	assert.InDelta(t, 1500, rows[0].rate, 200, "a third of 4,500 a second")
	for range 25 {
		second("hot-two", 500)
		c.get("keys?name=orders")
	}
	rows = keysOf(c.get("keys?name=orders"))
	assert.Equal(t, "hot-two", rows[0].key, "what was hot before has faded")
	assert.InDelta(t, 500, rows[0].rate, 130)
}

type keyRate struct {
	key  string
	rate float64
}

// keysOf reads the table of hot keys.
func keysOf(page string) (rows []keyRate) {
	for _, row := range strings.Split(page, "<tr>")[1:] {
		var k keyRate
		cells := strings.Split(row, "<td")
		if len(cells) < 4 {
			continue
		}
		name := cells[0][strings.LastIndex(cells[0], `">`)+2:]
		k.key, _ = url.QueryUnescape(strings.TrimSuffix(name, "</a></th>"))
		text := strings.NewReplacer("≤ ", "", ",", "", ">", "", "</td", "").Replace(cells[2])
		if _, err := fmt.Sscan(text, &k.rate); err != nil {
			k.rate = math.NaN()
		}
		rows = append(rows, k)
	}
	return rows
}

// A form is read only of who may send one, and only where one is asked for:
// what is long of it would be kept in files.
func TestConsole_readsNoFormOfOthers(t *testing.T) {
	s := newStream(t, "orders", weir.Config{})
	standard := client{t, console.Handler(s)}
	readOnly := newClient(t, console.Config{Source: console.Streams(s), ReadOnly: true})
	none := func(*http.Request) {}
	for name, row := range map[string]struct {
		client
		method, path string
		change       func(*http.Request)
		want         int
	}{
		"a foreign page":       {standard, http.MethodPost, "change", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, http.StatusForbidden},
		"another machine":      {standard, http.MethodPost, "change", func(r *http.Request) { r.RemoteAddr = "192.0.2.7:1000" }, http.StatusForbidden},
		"a rebound name":       {standard, http.MethodPost, "change", func(r *http.Request) { r.Host = "evil.example.net" }, http.StatusForbidden},
		"a page without one":   {standard, http.MethodPost, "settings?name=orders", none, http.StatusMethodNotAllowed},
		"a question":           {standard, http.MethodGet, "settings?name=orders", none, http.StatusOK},
		"for reading only":     {readOnly, http.MethodPost, "change", none, http.StatusForbidden},
		"a question of a form": {standard, http.MethodGet, "change?do=resize&target=2&name=orders", none, http.StatusOK},
	} {
		w := row.do(row.method, row.path, nil, func(r *http.Request) {
			r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			r.Body = unreadable{t, name}
		}, row.change)
		assert.Equal(t, row.want, w.Code, name)
	}
}

// An unreadable is a body that is not to be read.
type unreadable struct {
	t    *testing.T
	name string
}

func (u unreadable) Read([]byte) (int, error) {
	assert.Fail(u.t, "the body was read", u.name)
	return 0, io.EOF
}

func (unreadable) Close() error { return nil }

// What panics in the program's own functions ends one request, as net/http has
// it, and takes nobody's turn.
func TestConsole_goesOnAfterAPanic(t *testing.T) {
	c := newClient(t, console.Config{
		Source: console.Streams(newStream(t, "orders", weir.Config{})),
		Queues: func(context.Context, console.Stream) ([]console.Queue, error) { panic("of the program") },
	})
	within, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	soon := func(r *http.Request) { *r = *r.WithContext(within) }
	for range 4 {
		assert.Panics(t, func() { c.do(http.MethodGet, "readers?name=orders", nil, soon) })
	}
	w := c.do(http.MethodGet, "", nil, soon)
	assert.Contains(t, w.Body.String(), "orders")
}

// A page that follows shows the newest records that there is time and room for, be
// they as large as may be.
func TestConsole_boundsHowLongItFollows(t *testing.T) {
	s := newStream(t, "orders", weir.Config{Limits: weir.Unlimited()})
	const n = 500
	for i := range n {
		_, err := s.PutRecord(t.Context(), "k", make([]byte, i))
		require.NoError(t, err)
	}
	lengths, skipped, err := console.Tail(t.Context(), s, time.Now().Add(time.Hour))
	require.NoError(t, err)
	assert.False(t, skipped)
	require.Len(t, lengths, 50)
	assert.Equal(t, []int{n - 2, n - 1}, lengths[48:])
	_, err = s.PutRecord(t.Context(), "k", nil)
	require.NoError(t, err)
	lengths, skipped, err = console.Tail(t.Context(), s, time.Now())
	require.NoError(t, err)
	assert.True(t, skipped)
	assert.Len(t, lengths, 1, "one is shown of those that there was time to read")

	large := make([]byte, weir.MaxRecordBytes-1)
	for range 8 {
		_, err := s.PutRecord(t.Context(), "k", large)
		require.NoError(t, err)
	}
	lengths, _, err = console.Tail(t.Context(), s, time.Now().Add(time.Hour))
	require.NoError(t, err)
	assert.Equal(t, slices.Repeat([]int{len(large)}, 6), lengths, "64 MiB are held")
}
