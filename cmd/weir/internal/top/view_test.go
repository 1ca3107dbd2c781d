package top_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/top"
	"github.com/weirstream/weir/console"
)

// seen returns streams s0 and so on, of which a greater number has more records
// in, less out, and a shard that is busier.
func seen(streams, shards int) (t console.Top) {
	t.At = time.Date(2026, 1, 2, 12, 0, 10, 0, time.UTC)
	for i := range streams {
		s := console.TopStream{Name: fmt.Sprintf("s%d", i), Mode: "PROVISIONED", OpenShards: shards, RecordsPerSecond: float64(i), OutPerSecond: float64(streams - i)}
		for j := range shards {
			load := float64(i*shards+j) / float64(streams*shards-1)
			s.Shards = append(s.Shards, console.TopShard{ID: fmt.Sprintf("shardId-%012d", j), Load: load, Peak: load, Seconds: make([]float64, 60)})
			s.Shards[j].Seconds[59] = load
		}
		t.Streams = append(t.Streams, s)
	}
	return t
}

// rowOf returns the place of the row of a stream in a frame, -1 if it is not shown.
func rowOf(frame []string, name string) int {
	for i, line := range frame {
		if strings.HasPrefix(line, " "+name+" ") || strings.HasPrefix(line, ">"+name+" ") {
			return i
		}
	}
	return -1
}

func TestView_fitsAnyTerminal(t *testing.T) {
	for _, streams := range []int{0, 1, 3, 100} {
		for _, size := range [][2]int{{1, 1}, {10, 3}, {40, 10}, {40, 200}, {80, 24}, {109, 50}, {300, 100}} {
			for _, keys := range []string{"", "\r"} {
				v := new(top.View)
				v.Saw(seen(streams, 3))
				v.Key(keys)
				v.Failed(errors.New("not\x1b[2J answering\nfor " + strings.Repeat("long ", 100)))
				frame := v.Frame(size[0], size[1])
				assert.Len(t, frame, size[1])
				for _, line := range frame {
					assert.LessOrEqual(t, utf8.RuneCountInString(line), size[0], "%v: %q", size, line)
					assert.NotContains(t, line, "\x1b")
					assert.NotContains(t, line, "\n")
				}
			}
		}
	}
}

// Forty columns have room for what is hot and for its last seconds.
func TestView_narrow(t *testing.T) {
	v := new(top.View)
	v.Saw(seen(2, 2))
	text := strings.Join(v.Frame(40, 20), "\n")
	assert.Contains(t, text, "…000001  100%")
	assert.Contains(t, text, ".!\n", "the last second is at the limit")
	assert.Contains(t, text, "q quit")
}

func TestView_sortsChoosesAndLooksInto(t *testing.T) {
	v := new(top.View)
	v.Saw(seen(3, 2))
	frame := v.Frame(120, 40)
	assert.Less(t, rowOf(frame, "s2"), rowOf(frame, "s0"), "the hottest first")
	assert.True(t, strings.HasPrefix(frame[rowOf(frame, "s2")], ">"), "the first is chosen")
	for range 3 {
		require.False(t, v.Key("s")) // records, bytes, out
	}
	frame = v.Frame(120, 40)
	assert.Less(t, rowOf(frame, "s0"), rowOf(frame, "s2"))
	assert.Contains(t, frame[39], "sort by: out")
	v.Key("\x1b[B")
	v.Key("S")
	frame = v.Frame(120, 40)
	assert.True(t, strings.HasPrefix(frame[rowOf(frame, "s1")], ">"), "what was chosen stays chosen when the order changes")
	v.Key("\r")
	frame = v.Frame(120, 40)
	assert.Contains(t, frame[1], "s1 PROVISIONED: 2 shards")
	assert.NotContains(t, strings.Join(frame, "\n"), " s2 ")
	v.Saw(console.Top{})
	v.Frame(120, 40) // it has gone meanwhile
	v.Saw(seen(3, 2))
	v.Key("\x1b")
	assert.Positive(t, rowOf(v.Frame(120, 40), "s2"))
	for _, key := range []string{"q", "Q", "\x03", "\x04"} {
		assert.True(t, v.Key(key), "%q", key)
	}
	assert.False(t, v.Key("x"))
}

// The chosen row is shown however many there are.
func TestView_scrollsToTheChoice(t *testing.T) {
	v := new(top.View)
	v.Saw(seen(100, 1))
	assert.Equal(t, -1, rowOf(v.Frame(100, 24), "s50"))
	for range 49 {
		v.Key("j")
	}
	assert.Positive(t, rowOf(v.Frame(100, 24), "s50"))
}

// What an endpoint said before stands beside why it says nothing now.
func TestView_keepsWhatItSaw(t *testing.T) {
	v := new(top.View)
	v.Saw(seen(1, 1))
	v.Failed(errors.New("connection refused"))
	frame := v.Frame(100, 24)
	assert.Equal(t, "! connection refused", frame[1])
	assert.Positive(t, rowOf(frame, "s0"))
	v.Saw(seen(1, 1))
	assert.NotContains(t, strings.Join(v.Frame(100, 24), "\n"), "refused")
}

func TestView_colorsWhatIsAtItsLimit(t *testing.T) {
	v := &top.View{Color: true}
	v.Saw(seen(1, 2))
	text := strings.Join(v.Frame(100, 24), "\n")
	assert.Contains(t, text, "\x1b[31m shardId-000000000001")
	assert.NotContains(t, text, "\x1b[31m shardId-000000000000")
}

// Texts of an endpoint have nothing that a terminal acts on.
func TestEndpoint_isPlainText(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"streams":[{"name":"a\u001b[2J\nb","status":"\u009b2J","shards":[{"id":"x\u0007","seconds":[]}]}]}`)
	}))
	defer server.Close()
	look, err := top.Endpoint(server.URL, "", "")
	require.NoError(t, err)
	found, err := look(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "a?[2J?b", found.Streams[0].Name)
	assert.Equal(t, "?2J", found.Streams[0].Status)
	assert.Equal(t, "x?", found.Streams[0].Shards[0].ID)
}
