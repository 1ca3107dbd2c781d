// Package produced has the Kinesis Client Library read what package producer
// packs. It has tests only, which aws/clients/run starts.
package produced

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/producer"
)

const (
	records = 20_000
	keys    = 50
)

// Every user record that was put is read exactly as it was put, those of a key
// in order, while the shard is split. KCL discards what is packed for another
// shard than it landed in, so the producer has to notice.
func TestProducer_isReadByKCL(t *testing.T) {
	if os.Getenv("WEIR_DYNAMODB") == "" {
		t.Skip("it needs a server and lease tables: aws/clients/run produced")
	}
	for i, way := range []string{"polling", "fan-out"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			defer note(t, way)
			check(t, way, fmt.Sprintf("7%011d", i))
		})
	}
}

func check(t *testing.T, way, account string) {
	ctx, stream := t.Context(), "produced-"+way
	k := client(account)
	_, err := k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &stream, ShardCount: aws.Int32(1)})
	require.NoError(t, err)
	lines := startReader(t, account, stream, way)

	s, err := kinesisclient.New(k, stream)
	require.NoError(t, err)
	p, err := producer.New(producer.Config{Stream: s, Aggregate: true, Ordered: true, TTL: 2 * time.Minute})
	require.NoError(t, err)
	w := &written{entries: entries(), again: make(map[int]bool)}
	for i, e := range w.entries {
		require.NoError(t, p.PutAsync(ctx, e, func(o producer.Outcome) { w.told(t, i, o) }))
		if i == records/2 {
			require.NoError(t, s.SplitShard(ctx, 0, weir.HashKey{Hi: 1 << 63}))
		}
		if i%100 == 0 {
			time.Sleep(20 * time.Millisecond) // so that calls are under way during the split
		}
	}
	require.NoError(t, p.Close(ctx))
	m := p.Metrics()
	t.Logf("%d records in %d aggregates, %d put again, %d aggregates were in the wrong shard", m.Delivered, m.Aggregates, m.Retries, m.WrongShard)
	require.EqualValues(t, records, m.Delivered)
	assert.Greater(t, m.RecordsAnAggregate(), 10.0)
	assert.Positive(t, m.Mispredicted, "the split was not noticed by a call")
	w.compare(t, lines)
}

// entries returns the records: each begins with its number, and is of any bytes
// and of a key with or without an explicit hash key.
func entries() []weir.Entry {
	random := rand.New(rand.NewPCG(1, 2))
	list := make([]weir.Entry, records)
	for i := range list {
		key := random.IntN(keys)
		data := fmt.Appendf(nil, "%d ", i)
		for range random.IntN(150) {
			data = append(data, byte(random.Uint32()))
		}
		list[i] = weir.Entry{PartitionKey: fmt.Sprint([]string{"key-", "schlüssel-", "鍵-"}[key%3], key), Data: data}
		if key%5 == 0 { // the same for all of a key, whose order is else nobody's
			list[i].ExplicitHashKey = &weir.HashKey{Hi: uint64(key) << 57, Lo: uint64(key)}
		}
	}
	return list
}

// written is what was put.
type written struct {
	entries []weir.Entry
	mu      sync.Mutex
	again   map[int]bool // records that took more than one attempt
}

func (w *written) told(t *testing.T, i int, o producer.Outcome) {
	assert.NoError(t, o.Err, "record %d", i)
	if len(o.Attempts) > 1 {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.again[i] = true
	}
}

// compare compares what is read with what was put, until all of it was read.
func (w *written) compare(t *testing.T, lines <-chan string) {
	const patience, rest = 3 * time.Minute, 2 * time.Second
	seen, last, shards := make(map[int]bool), make(map[string]int), make(map[string]int)
	timeout := time.NewTimer(patience)
	for {
		select {
		case line, open := <-lines:
			require.True(t, open, "the reader has ended; %d of %d records were read", len(seen), records)
			shard, i := w.one(t, line)
			if seen[i] {
				assert.True(t, w.again[i], "record %d was put once, and read twice", i)
				continue
			}
			seen[i] = true
			shards[shard]++
			key := w.entries[i].PartitionKey
			if before, there := last[key]; there && before > i {
				t.Errorf("%s: record %d was read behind %d", key, i, before)
			}
			last[key] = i
			if len(seen) == records {
				timeout.Reset(rest) // for what may come twice
			}
		case <-timeout.C:
			assert.Equal(t, records, len(seen), "records that were read")
			assert.Len(t, shards, 3, "the shard and its halves")
			return
		}
	}
}

// one compares a user record and returns its shard and number.
func (w *written) one(t *testing.T, line string) (shard string, number int) {
	parts := strings.Split(line, "\t")
	require.Len(t, parts, 4, line)
	key, err := base64.StdEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	data, err := base64.StdEncoding.DecodeString(parts[3])
	require.NoError(t, err)
	text, _, _ := strings.Cut(string(data), " ")
	number, err = strconv.Atoi(text)
	require.NoError(t, err)
	require.True(t, number >= 0 && number < records, text)
	got := weir.Entry{PartitionKey: string(key), Data: data}
	if parts[2] != "" {
		h, err := weir.ParseHashKey(parts[2])
		require.NoError(t, err)
		got.ExplicitHashKey = &h
	}
	require.Equal(t, w.entries[number], got)
	return parts[0], number
}

// startReader starts a worker of the library, and returns the lines it prints.
func startReader(t *testing.T, account, stream, way string) <-chan string {
	cmd := exec.Command("java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", "../java/target/classes:../java/target/lib/*",
		"io.weir.clients.Read", account, stream, way)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := make(chan string, records) // who reads may be ahead of who compares
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			lines <- scan.Text()
		}
	}()
	t.Cleanup(func() {
		assert.NoError(t, cmd.Process.Kill())
		for range lines {
		}
		<-ended
		_ = cmd.Wait() // it was killed
	})
	return lines
}

// client returns a client of an account with the limits of the service.
func client(account string) *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(os.Getenv("WEIR_HTTP")), Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: account, SecretAccessKey: "secret"}, nil
		}),
	})
}

var noting sync.Mutex

// note adds a result to the file of results.
func note(t *testing.T, way string) {
	noting.Lock()
	defer noting.Unlock()
	f, err := os.OpenFile(os.Getenv("WEIR_RESULTS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	require.NoError(t, json.NewEncoder(f).Encode(map[string]any{
		"client": "Kinesis Client Library, of weir's producer", "version": version(t), "protocol": way, "pass": !t.Failed(),
		"check": "every record that weir's producer packed, as it was put and in order for each key, through a split",
	}))
	require.NoError(t, f.Close())
}

// version returns that of the library.
func version(t *testing.T) string {
	const prefix = "amazon-kinesis-client-"
	files, err := os.ReadDir("../java/target/lib")
	require.NoError(t, err)
	i := slices.IndexFunc(files, func(f os.DirEntry) bool { return strings.HasPrefix(f.Name(), prefix) && f.Name()[len(prefix)] <= '9' })
	require.GreaterOrEqual(t, i, 0)
	return "amazon-kinesis-client " + strings.TrimSuffix(strings.TrimPrefix(files[i].Name(), prefix), ".jar")
}
