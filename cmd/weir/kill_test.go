package main

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var kills = flag.Int("kills", 10, "how often the process of TestServe_killed is killed")

// A ledger is what clients of a server that is killed now and then know of it.
type ledger struct {
	mu      sync.Mutex
	acked   int
	records map[string]string // data by sequence number, of puts that were answered
	tried   map[string]bool   // data of all puts
	streams map[string]string // "there", "split" or "gone" for sure, or "unsure"
	parts   map[string]string // what is there for sure, and which operation tells it
	left    int               // answers until the kill
	over    chan struct{}
	padding string // of each record's data
}

// answered takes note of an answer, and says when it is time for the kill.
func (l *ledger) answered(note func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	note()
	l.acked++
	if l.left--; l.left == 0 {
		close(l.over)
	}
}

func (l *ledger) set(m map[string]string, key, value string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m[key] = value
}

// try calls an operation of a process that may be killed meanwhile.
func (p *process) try(operation, body string) (answer string, ok bool) {
	r, err := http.NewRequest(http.MethodPost, "http://"+p.addr, strings.NewReader(body))
	if err != nil {
		return "", false
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+operation)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", false
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return string(b), err == nil && response.StatusCode == http.StatusOK
}

// put puts until the process is killed.
func (l *ledger) put(p *process, producer string) {
	for n := 0; ; n++ {
		data := fmt.Sprintf("%s-%d", producer, n)
		l.mu.Lock()
		l.tried[data] = true
		l.mu.Unlock()
		answer, ok := p.tryPut(data, l.padding)
		if !ok {
			return
		}
		l.answered(func() { l.records[numberIn(answer)] = data })
	}
}

// tryPut puts a record with a name.
func (p *process) tryPut(name, padding string) (answer string, ok bool) {
	return p.try("PutRecord", fmt.Sprintf(`{"StreamName":"orders","PartitionKey":%q,"Data":%q}`, name, base64.StdEncoding.EncodeToString([]byte(name+padding))))
}

func numberIn(answer string) string {
	var out struct{ SequenceNumber string }
	_ = json.Unmarshal([]byte(answer), &out)
	return out.SequenceNumber
}

const arnOfOrders = "arn:aws:kinesis:us-east-1:000000000000:stream/orders"

// arrange creates, tags, registers, splits and deletes until the process is
// killed.
func (l *ledger) arrange(p *process, run int) {
	for n := 0; ; n++ {
		name, tag, consumer := fmt.Sprintf("s-%d-%d", run, n), fmt.Sprintf("t-%d-%d", run, n), fmt.Sprintf("c-%d-%d", run, n)
		for _, step := range []struct {
			operation, body string
			unsure          string // a stream of which nothing is known until the answer
			done            func()
		}{
			{"CreateStream", `{"StreamName":"` + name + `","ShardCount":2}`, name, func() { l.streams[name] = "there" }},
			{"AddTagsToStream", `{"StreamName":"orders","Tags":{"` + tag + `":"x"}}`, "", func() { l.parts[tag] = "ListTagsForStream" }},
			{"RegisterStreamConsumer", `{"ConsumerName":"` + consumer + `","StreamARN":"` + arnOfOrders + `"}`, "",
				func() { l.parts[consumer] = "ListStreamConsumers" }},
			{"SplitShard", `{"StreamName":"` + name + `","ShardToSplit":"shardId-000000000000","NewStartingHashKey":"12345"}`, "",
				func() { l.streams[name] = "split" }},
			{"DeleteStream", `{"StreamName":"` + name + `"}`, name, func() { l.streams[name] = "gone" }},
		} {
			if step.operation == "DeleteStream" && n%2 == 0 {
				continue
			}
			if step.unsure != "" {
				l.set(l.streams, step.unsure, "unsure")
			}
			if _, ok := p.try(step.operation, step.body); !ok {
				return
			}
			l.answered(step.done)
		}
	}
}

// check checks that a process has what was answered, and nothing that was not
// asked for.
func (l *ledger) check(t *testing.T, p *process) {
	there := p.allStreams(t)
	for name, state := range l.streams {
		switch state {
		case "there", "split":
			require.True(t, there[name], "%s was created", name)
			if state == "split" {
				require.Contains(t, p.call(t, "ListShards", `{"StreamName":"`+name+`"}`), "shardId-000000000003", name)
			}
		case "gone":
			require.False(t, there[name], "%s was deleted", name)
		case "unsure": // whole or not at all
			if there[name] {
				require.Contains(t, p.call(t, "ListShards", `{"StreamName":"`+name+`"}`), "shardId-000000000001", name)
			}
		}
	}
	told := map[string]string{
		"ListTagsForStream":   p.call(t, "ListTagsForStream", `{"StreamName":"orders"}`),
		"ListStreamConsumers": p.allConsumers(t),
	}
	for part, operation := range l.parts {
		require.Contains(t, told[operation], `"`+part+`"`)
	}
	l.checkRecords(t, p)
}

func (p *process) allStreams(t *testing.T) map[string]bool {
	there := make(map[string]bool)
	for next := `{}`; ; {
		var page struct {
			StreamNames []string
			NextToken   string
		}
		require.NoError(t, json.Unmarshal([]byte(p.call(t, "ListStreams", next)), &page))
		for _, name := range page.StreamNames {
			there[name] = true
		}
		if page.NextToken == "" {
			return there
		}
		next = fmt.Sprintf(`{"NextToken":%q}`, page.NextToken)
	}
}

func (p *process) allConsumers(t *testing.T) (all string) {
	for next := ""; ; {
		var page struct{ NextToken string }
		text := p.call(t, "ListStreamConsumers", `{"StreamARN":"`+arnOfOrders+`"`+next+`}`)
		all += text
		require.NoError(t, json.Unmarshal([]byte(text), &page))
		if page.NextToken == "" {
			return all
		}
		next = fmt.Sprintf(`,"NextToken":%q`, page.NextToken)
	}
}

// checkRecords checks that each record that was answered is there once, under
// its number, and no other is that nobody put.
func (l *ledger) checkRecords(t *testing.T, p *process) {
	found := make(map[string]string)
	for _, shard := range []string{"shardId-000000000000", "shardId-000000000001"} {
		var it struct{ ShardIterator string }
		require.NoError(t, json.Unmarshal([]byte(p.call(t, "GetShardIterator",
			`{"StreamName":"orders","ShardId":"`+shard+`","ShardIteratorType":"TRIM_HORIZON"}`)), &it))
		last := ""
		for next := it.ShardIterator; ; {
			var page struct {
				Records []struct {
					SequenceNumber string
					Data           []byte
				}
				NextShardIterator string
			}
			require.NoError(t, json.Unmarshal([]byte(p.call(t, "GetRecords", `{"ShardIterator":"`+next+`"}`)), &page))
			if next = page.NextShardIterator; len(page.Records) == 0 {
				break
			}
			for _, r := range page.Records {
				require.Less(t, last, r.SequenceNumber, "in order, and each number once")
				last = r.SequenceNumber
				name, whole := strings.CutSuffix(string(r.Data), l.padding)
				require.True(t, whole && l.tried[name], "%s was never put", name)
				found[last] = name
			}
		}
	}
	for number, data := range l.records {
		require.Equal(t, data, found[number], "%s was answered", number)
	}
}

// Killed at any moment, weir serve --state has all that was answered, and each of
// the rest whole or not at all.
func TestServe_killed(t *testing.T) {
	newLedger("").killed(t, *kills, 300, "--state", t.TempDir())
}

// The same goes where there are more records than fit into memory.
func TestServe_killedSpilling(t *testing.T) {
	const size, memory = 200_000, 64 << 20 // of which half is for records
	l, args := newLedger(strings.Repeat("x", size)), []string{"--state", t.TempDir(), "--max-memory", fmt.Sprint(memory)}
	p := serve(t, append(args, serveOrders...)...)
	for i := range memory / 2 / size {
		name := fmt.Sprint("before-", i)
		answer, ok := p.tryPut(name, l.padding)
		require.True(t, ok, answer)
		l.tried[name], l.records[numberIn(answer)] = true, name
	}
	require.NoError(t, p.Process.Kill())
	require.Error(t, p.Wait())
	l.killed(t, max(3, *kills/5), 60, args...)
	assert.Greater(t, len(l.records)*size, memory/2, "more than what is held in memory")
}

var serveOrders = []string{"--stream", "orders:2", "--limits", "none", "--delay", "0s"}

func newLedger(padding string) *ledger {
	return &ledger{
		records: make(map[string]string), tried: make(map[string]bool), streams: make(map[string]string), parts: make(map[string]string),
		padding: padding,
	}
}

// killed kills a process with those arguments so often, each time after up to so
// many answers, and checks what is there then.
func (l *ledger) killed(t *testing.T, times, answers int, args ...string) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	args = append(args, serveOrders...)
	for run := range times {
		p := serve(t, args...)
		l.check(t, p)
		l.left, l.over = 1+random.IntN(answers), make(chan struct{})
		over := l.over
		var clients sync.WaitGroup
		for i := range 4 {
			clients.Go(func() { l.put(p, fmt.Sprintf("r%d-p%d", run, i)) })
		}
		clients.Go(func() { l.arrange(p, run) })
		<-over
		require.NoError(t, p.Process.Kill())
		require.Error(t, p.Wait())
		clients.Wait()
		http.DefaultClient.CloseIdleConnections()
	}
	p := serve(t, args...)
	l.check(t, p)
	t.Log(l.acked, "answers,", len(l.records), "records,", len(l.streams), "streams")
	assert.NotEmpty(t, l.records)
}
