// Package beside_test lets workers of the Kinesis Client Library and of weir's
// group share one table of leases and one stream. ../run starts the server, the
// table's database, and the tests.
package beside_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/aws/dynamolease"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/lease"
)

// patience is how long to wait for what is to come: the library elects a leader
// anew two minutes after the last one was killed.
const patience = 150 * time.Second

const keys = 32 // each shard has some

// A fleet is workers of both kinds on one stream, and what they processed.
type fleet struct {
	t             *testing.T
	name, account string
	how, version  string // how the stream is read, and the library's protocol for leases
	journal       string
	stream        *kinesisclient.Stream
	workers       []*worker

	mu   sync.Mutex // guards what follows
	puts int
	sent map[string]int // records of each key
}

// A worker is a process.
type worker struct {
	name string
	*exec.Cmd
	log *os.File
}

// TestBeside starts workers of both kinds in either order, kills each, and
// changes the shards meanwhile: each record is processed, those of a key in
// their order.
func TestBeside(t *testing.T) {
	if os.Getenv("WEIR_HTTPS") == "" || os.Getenv("WEIR_DYNAMODB") == "" {
		t.Skip("needs a server and a DynamoDB: run aws/clients/run beside")
	}
	for i, c := range []struct {
		how, version string
		first        func(*fleet, string) *worker
	}{
		{"polling", "CLIENT_VERSION_CONFIG_COMPATIBLE_WITH_2X", (*fleet).weir},
		{"fan-out", "CLIENT_VERSION_CONFIG_3X", (*fleet).library},
	} {
		t.Run(c.how, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, fmt.Sprintf("7%011d", i+1), c.how, c.version)
			t.Cleanup(func() { f.record(!t.Failed()) })
			f.live(c.first)
		})
	}
}

func newFleet(t *testing.T, account, how, version string) *fleet {
	f := &fleet{
		t: t, name: "beside-" + how, account: account, how: how, version: version, sent: make(map[string]int),
	}
	f.journal = filepath.Join("..", ".work", f.name+".journal") // to look at, and so are the workers' logs
	require.NoError(t, os.RemoveAll(f.journal))
	k, err := kinesisOf(account)
	require.NoError(t, err)
	_, err = k.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: &f.name, ShardCount: aws.Int32(4)})
	require.NoError(t, err)
	f.stream, err = kinesisclient.New(k, f.name)
	require.NoError(t, err)
	require.NoError(t, f.stream.WaitActive(t.Context()))
	t.Cleanup(func() {
		for _, w := range f.workers {
			w.Process.Kill()
			w.Wait()
			w.log.Close()
		}
	})
	return f
}

// live is what happens to a fleet.
func (f *fleet) live(first func(*fleet, string) *worker) {
	stop := f.produce()
	f.await("the first worker", f.busy(first(f, "first")))
	java, golang := f.workers[0], f.workers[0]
	if java.isWeir() {
		java = f.library("1")
		f.await("the library's", f.busy(java))
	} else {
		golang = f.weir("1")
		f.await("weir's", f.busy(golang))
	}
	f.split(2)
	f.await("records after splits", f.allSoFar())
	if f.version != "CLIENT_VERSION_CONFIG_3X" { // by which the library's worker does not ask back
		f.await("both at work", f.busy(java, golang))
	}

	golang.kill()
	f.merge(golang)
	f.await("all by the library", f.allSoFar())
	golang = f.weir("2")
	f.await("weir's again", f.busy(golang))
	f.merge(nil)
	f.await("records after a merge", f.allSoFar())

	f.end(java)
	f.await("all by weir", f.allSoFar())
	java = f.library("2")
	if f.version == "CLIENT_VERSION_CONFIG_3X" { // takes what nobody has, and no more
		f.end(golang)
	}
	f.await("the library's again", f.busy(java))
	if f.version == "CLIENT_VERSION_CONFIG_3X" {
		golang = f.weir("3")
		f.await("weir's once more", f.busy(golang))
	}
	f.split(1)
	f.await("records after another split", f.allSoFar())
	java.kill()
	f.merge(java)
	f.await("all by weir again", f.allSoFar())
	stop()
	f.await("all", f.allSoFar())
	f.end(golang)
	f.verify()
}

// library starts a worker of the Kinesis Client Library.
func (f *fleet) library(name string) *worker {
	return f.start("java-"+name, exec.Command("java", "-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel="+level(),
		"-cp", "../java/target/classes:../java/target/lib/*", "io.weir.clients.Worker"), f.version)
}

// level is the level of the library's log: what it says fills many files.
func level() string {
	if level := os.Getenv("WEIR_KCL_LOG"); level != "" {
		return level
	}
	return "off"
}

// weir starts a worker of weir's group.
func (f *fleet) weir(name string) *worker {
	program, err := os.Executable()
	require.NoError(f.t, err)
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), isWorker+"=1")
	return f.start("weir-"+name, cmd, "")
}

func (f *fleet) start(name string, cmd *exec.Cmd, version string) *worker {
	f.t.Helper()
	log, err := os.Create(filepath.Join("..", ".work", f.name+"-"+name+".log"))
	require.NoError(f.t, err)
	cmd.Args = append(cmd.Args, f.name, f.account, name, f.journal, f.how, version, fmt.Sprint(failover.Milliseconds()))
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(f.t, cmd.Start())
	w := &worker{name, cmd, log}
	f.workers = append(f.workers, w)
	return w
}

func (w *worker) isWeir() bool { return strings.HasPrefix(w.name, "weir-") }

// kill ends a worker at once.
func (w *worker) kill() {
	w.Process.Kill()
	w.Wait()
}

// end tells a worker to end, and waits for it.
func (f *fleet) end(w *worker) {
	f.t.Helper()
	require.NoError(f.t, w.Process.Signal(syscall.SIGTERM))
	err := w.Wait()
	if w.isWeir() {
		assert.NoError(f.t, err)
	}
}

// produce puts records of all keys, five times a second, until it is told to stop.
// Their data are key and number.
func (f *fleet) produce() (stop func()) {
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second / 5)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				f.putOne()
			}
		}
	}()
	stop = sync.OnceFunc(func() { close(end); <-done })
	f.t.Cleanup(stop)
	return stop
}

// putOne puts a record of each key, every second time one with three in it.
func (f *fleet) putOne() {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 1
	if f.puts++; f.puts%2 == 0 {
		n = 3
	}
	var entries []weir.Entry
	for i := range keys {
		key := fmt.Sprint("key-", i)
		var packed aggregate.Builder
		for k := range n {
			e := weir.Entry{PartitionKey: key, Data: fmt.Appendf(nil, "%s %d", key, f.sent[key]+k)}
			if !assert.NoError(f.t, packed.Add(e)) {
				return
			}
		}
		entries = append(entries, packed.Entry(nil))
	}
	results, err := f.stream.PutRecords(context.WithoutCancel(f.t.Context()), entries)
	if !assert.NoError(f.t, err) {
		return
	}
	for i, r := range results {
		if assert.NoError(f.t, r.Err) {
			f.sent[fmt.Sprint("key-", i)] += n
		}
	}
}

// open returns the open shards, by id.
func (f *fleet) open() []weir.Shard {
	f.t.Helper()
	shards, err := f.stream.Shards(f.t.Context())
	require.NoError(f.t, err)
	return slices.DeleteFunc(shards, func(s weir.Shard) bool { return !s.IsOpen() })
}

// split splits the first n open shards.
func (f *fleet) split(n int) {
	f.t.Helper()
	for _, s := range f.open()[:n] {
		require.NoError(f.t, f.stream.SplitShard(f.t.Context(), s.ID, weir.HashKey{}))
	}
}

// merge merges two shards that adjoin. If there is a worker that was killed, one
// of them is its own, and the other another's, unless it has none or all: that is
// read to its end before anybody takes the first, and the child must wait for
// both.
func (f *fleet) merge(killed *worker) {
	f.t.Helper()
	owned := make(map[string]bool)
	for _, l := range f.leases() {
		owned[l.Key] = killed != nil && l.Owner == killed.name
	}
	var pair []weir.ShardID
	open := f.open()
	for _, a := range open {
		for _, b := range open {
			apart := owned[a.ID.String()] != owned[b.ID.String()]
			if a.HashKeyRange.Adjoins(b.HashKeyRange) && (pair == nil || apart) {
				pair = []weir.ShardID{a.ID, b.ID}
			}
		}
	}
	require.NotNil(f.t, pair)
	f.t.Logf("merging %v and %v; of a killed worker: %v, %v", pair[0], pair[1], owned[pair[0].String()], owned[pair[1].String()])
	require.NoError(f.t, f.stream.MergeShards(f.t.Context(), pair[0], pair[1]))
}

// A line of the journal is a record as a worker processed it.
type line struct {
	worker, shard, key string
	number             int
}

// lines reads the journal, whose order is that in which records were processed.
func (f *fleet) lines() (list []line) {
	f.t.Helper()
	text, err := os.ReadFile(f.journal)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(f.t, err)
	for each := range strings.Lines(string(text)) {
		var l line
		if !strings.HasSuffix(each, "\n") {
			break // it is being written
		}
		_, err := fmt.Sscan(each, &l.worker, &l.shard, &l.key, &l.number)
		require.NoError(f.t, err, each)
		list = append(list, l)
	}
	return list
}

// await looks at the journal until it is as it should be.
func (f *fleet) await(what string, is func([]line) bool) {
	f.t.Helper()
	begin := time.Now()
	tick := time.NewTicker(time.Second / 5)
	defer tick.Stop()
	for late := time.After(patience); ; {
		lines := f.lines()
		if is(lines) {
			f.t.Logf("%s: %d lines, after %v", what, len(lines), time.Since(begin).Round(time.Second/10))
			return
		}
		select {
		case <-tick.C:
		case <-late:
			require.FailNow(f.t, "no sign of "+what, "%d lines after %v; leases: %+v", len(lines), patience, f.leases())
		}
	}
}

// busy is that workers have processed records since, each some.
func (f *fleet) busy(workers ...*worker) func([]line) bool {
	const records = 50
	before := len(f.lines())
	return func(lines []line) bool {
		n := make(map[string]int)
		for _, l := range lines[before:] {
			n[l.worker]++
		}
		return !slices.ContainsFunc(workers, func(w *worker) bool { return n[w.name] < records })
	}
}

// allSoFar is that all records have been processed that were put by now.
func (f *fleet) allSoFar() func([]line) bool {
	f.mu.Lock()
	want := make(map[string]int)
	for key, n := range f.sent {
		want[key] = n
	}
	f.mu.Unlock()
	return func(lines []line) bool {
		next := f.inOrder(lines)
		for key, n := range want {
			if next[key] < n {
				return false
			}
		}
		return true
	}
}

// inOrder sees to it that of each key the records were processed in order, the
// first time that each was, and returns the first that was not, of each key.
func (f *fleet) inOrder(lines []line) (next map[string]int) {
	f.t.Helper()
	next = make(map[string]int)
	for _, l := range lines {
		require.LessOrEqual(f.t, l.number, next[l.key], "%s processed %s %d, of %s, before %d", l.worker, l.key, l.number, l.shard, next[l.key])
		if l.number == next[l.key] {
			next[l.key]++
		}
	}
	return next
}

// leases returns what is in the table.
func (f *fleet) leases() []lease.Lease {
	f.t.Helper()
	store, err := dynamolease.Open(f.t.Context(), tables(), f.name)
	require.NoError(f.t, err)
	list, err := store.List(f.t.Context())
	require.NoError(f.t, err)
	return list
}

// verify sees to it that each record was processed, and of its key in order, and
// tells which workers were given again what which others had processed.
func (f *fleet) verify() {
	f.t.Helper()
	lines := f.lines()
	assert.Equal(f.t, f.sent, f.inOrder(lines))
	workers, again, by := make(map[string]int), make(map[string]int), make(map[string]string)
	for _, l := range lines {
		workers[l.worker]++
		record := fmt.Sprint(l.key, " ", l.number)
		if first, seen := by[record]; seen {
			again[l.worker+" after "+first]++
		} else {
			by[record] = l.worker
		}
	}
	f.t.Logf("processed: %v; again: %v", workers, again)
}

// record adds a result to those of all clients.
func (f *fleet) record(pass bool) {
	jars, err := filepath.Glob("../java/target/lib/amazon-kinesis-client-*.jar")
	require.NoError(f.t, err)
	require.Len(f.t, jars, 1)
	out, err := json.Marshal(map[string]any{
		"client": "weir's group beside the Kinesis Client Library", "protocol": "-",
		"version": "with " + strings.TrimSuffix(filepath.Base(jars[0]), ".jar"),
		"check":   f.how + ": every record, in order for each key, while workers of both are killed and shards change", "pass": pass,
	})
	require.NoError(f.t, err)
	results, err := os.OpenFile(os.Getenv("WEIR_RESULTS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	require.NoError(f.t, err)
	defer results.Close()
	_, err = results.Write(append(out, '\n'))
	require.NoError(f.t, err)
}
