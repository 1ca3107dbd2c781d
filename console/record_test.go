package console_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/console"
)

// A record's page has what its data is: JSON indented, text, or hexadecimal only, and
// the data as a file.
func TestRecord_isShownAsWhatItIs(t *testing.T) {
	s := newStream(t, "orders", weir.Config{})
	c := newClient(t, console.Config{Source: console.Streams(s)})
	for _, row := range []struct{ data, kind, has, hasNot string }{
		{`{"a":[1,{"b":"<i>"}]}`, "JSON", "&#34;b&#34;: &#34;&lt;i&gt;&#34;\n", "<h2>Text</h2>"},
		{"[1,", "text", "<h2>Text</h2>", "<h2>JSON</h2>"},
		{"é\tx\r\n", "text", "<h2>Text</h2>", "<h2>JSON</h2>"},
		{"a\x00b", "binary", "00000000  61 00 62", "<h2>Text</h2>"},
		{"\xff\xfe", "binary", "ff fe", "<h2>Text</h2>"},
		{"", "empty", "0 bytes, empty", "Hexadecimal"},
	} {
		number := put(t, s, "k", row.data).SequenceNumber.String()
		page := c.get("record?name=orders&number=" + number)
		assert.Contains(t, page, " bytes, "+row.kind, "%q", row.data)
		assert.Contains(t, page, row.has, "%q", row.data)
		assert.NotContains(t, page, row.hasNot, "%q", row.data)
		raw := c.do(http.MethodGet, "record?raw=1&name=orders&number="+number, nil)
		assert.Equal(t, row.data, raw.Body.String())
		assert.Equal(t, "application/octet-stream", raw.Header().Get("Content-Type"), "no browser takes it for a page")
		assert.Equal(t, `attachment; filename="record-`+number+`"`, raw.Header().Get("Content-Disposition"))
	}
}

// Of a record that has gone, or is another stream's, it is said that there is none.
func TestRecord_hasGone(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	s := newStream(t, "orders", weir.Config{Now: func() time.Time { return now }})
	c := newClient(t, console.Config{Source: console.Streams(s)})
	number := put(t, s, "k", "x").SequenceNumber.String()
	c.get("record?name=orders&number=" + number)
	now = now.Add(25 * time.Hour)
	put(t, s, "k", "y")
	got := c.do(http.MethodGet, "record?name=orders&number="+number, nil)
	assert.Equal(t, http.StatusNotFound, got.Code)
	assert.Contains(t, got.Body.String(), "there is no record "+number+" any more, or there never was")
}

// Of an aggregate of many user records the first are shown, and how many more there
// are; left whole it is one record, on each page of the list.
func TestRecord_showsAPartOfLargeAggregates(t *testing.T) {
	s := newStream(t, "orders", weir.Config{})
	var b aggregate.Builder
	for i := range 250 {
		require.NoError(t, b.Add(weir.Entry{PartitionKey: "k", Data: fmt.Append(nil, "user ", i)}))
	}
	number := put(t, s, "k", string(b.Append(nil))).SequenceNumber.String()
	for i := range 120 {
		put(t, s, "k", fmt.Sprint("plain ", i))
	}
	c := newClient(t, console.Config{Source: console.Streams(s)})
	page := c.get("record?name=orders&number=" + number)
	assert.Equal(t, 200, strings.Count(page, "<code>user "))
	assert.Contains(t, page, "and 50 more")
	assert.Contains(t, c.get("record?name=orders&sub=249&number="+number), ">user 249<", "each has a page of its own")

	list := c.get("records?name=orders")
	assert.Equal(t, 200, strings.Count(list, "from an aggregate"))
	list = c.get("records?name=orders&packed=1")
	further := regexp.MustCompile(`<a href="([^"]*)" rel="next">`).FindStringSubmatch(list)
	require.Len(t, further, 2)
	assert.Contains(t, further[1], "packed=1")
	assert.Equal(t, 50, strings.Count(list, `<td class="left data">`))
	next := c.get(unescaped(further[1]))
	assert.Contains(t, next, "plain 49", "it goes on behind what was shown")
	assert.NotContains(t, next, "plain 48<")
}

// A record can be put from a file, whatever is in it, but from one alone.
func TestChanges_putAFile(t *testing.T) {
	s := newStream(t, "orders", weir.Config{})
	c := newClient(t, console.Config{Source: console.Streams(s)})
	token := c.token("records?name=orders")
	send := func(files ...string) int {
		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		for name, value := range map[string]string{"do": "put", "name": "orders", "key": "k", "data": "not this", "token": token} {
			require.NoError(t, w.WriteField(name, value))
		}
		for _, data := range files {
			part, err := w.CreateFormFile("file", "x")
			require.NoError(t, err)
			_, err = part.Write([]byte(data))
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		return c.do(http.MethodPost, "change", nil, func(r *http.Request) {
			r.Header.Set("Content-Type", w.FormDataContentType())
			r.Body, r.ContentLength = nopCloser{&form}, int64(form.Len())
		}).Code
	}
	require.Equal(t, http.StatusSeeOther, send("\x00\r\n\xff"))
	assert.Equal(t, http.StatusBadRequest, send("a", "b"))
	var all []string
	for r, err := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
		require.NoError(t, err)
		all = append(all, string(r.Data))
	}
	assert.Equal(t, []string{"\x00\r\n\xff"}, all, "byte for byte")
}

type nopCloser struct{ *bytes.Buffer }

func (nopCloser) Close() error { return nil }

// The text form has each second beside the limit; one with throttles is at least 1.
func TestTop_hasSeconds(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	s := newStream(t, "orders", weir.Config{Now: clock})
	for range 500 {
		put(t, s, "k", "x")
	}
	now = now.Add(time.Second)
	for range 2 { // one fits, and the other does not
		if _, err := s.PutRecord(t.Context(), "k", make([]byte, 900_000)); err != nil {
			require.ErrorIs(t, err, weir.ErrThroughputExceeded)
		}
	}
	now = now.Add(time.Second)
	c := newClient(t, console.Config{Source: console.Streams(s), Now: clock})
	var top console.Top
	require.NoError(t, json.Unmarshal([]byte(c.get("top.json")), &top))
	require.Len(t, top.Streams, 1)
	shard := top.Streams[0].Shards[0]
	assert.Len(t, shard.Seconds, 60)
	assert.InDelta(t, 0.5, shard.Seconds[58], 0.001)
	assert.InDelta(t, 1, shard.Seconds[59], 0.001)
	assert.Equal(t, int64(1), shard.Throttled)
	assert.Zero(t, shard.Seconds[57])
}

// The table of shards is sorted by what was asked for.
func TestShards_areSorted(t *testing.T) {
	s := newStream(t, "orders", weir.Config{Shards: 2})
	_, err := s.SplitShard(t.Context(), 0, s.Shards()[0].HashKeyRange.Middle())
	require.NoError(t, err)
	c := newClient(t, console.Config{Source: console.Streams(s)})
	for by, want := range map[string][]string{"keys": {"2", "3", "1", "0"}, "id": {"1", "2", "3", "0"}} {
		var got []string
		for _, row := range rowOfShard.FindAllStringSubmatch(c.get("shards?name=orders&sort="+by), -1) {
			got = append(got, row[1][len(row[1])-1:])
		}
		assert.Equal(t, want, got, "%s, and closed ones last", by)
	}
}
