package account_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// withWork gives an account a stream D with a queue: of seven records one is
// acknowledged, two are in flight, one is dead, and three were never received.
func (f *fixture) withWork() (arn string, inFlight []account.QueueRecord) {
	f.Helper()
	f.createOnDemand("D", "")
	created, err := f.CreateQueue(f.ctx, &account.CreateQueueInput{
		QueueName: ptr("q"),
		StreamConfigurationList: []account.QueueStreamConfiguration{{StreamARN: ptr(arnD),
			StartingPosition: &account.QueueStartingPosition{Type: ptr(account.IteratorTrimHorizon)}}},
		QueueAttributes: &account.QueueAttributes{DeadLetterConfiguration: &account.DeadLetterConfiguration{
			TargetType: ptr(account.DeadLettersBuiltIn), MaxReceiveCount: ptr(int32(2))}},
	})
	require.NoError(f, err)
	arn = created.QueueDescription.QueueARN
	for i := range 7 {
		_, err := f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: ptr("D"), PartitionKey: ptr("k"), Data: fmt.Append(nil, i)})
		require.NoError(f, err)
	}
	list := f.receive(arn, 4, 300)
	require.Len(f, list, 4)
	f.acknowledge(arn, list[0])
	f.hide(arn, 0, list[1])
	again := f.receive(arn, 1, 300)
	require.Equal(f, list[1].RecordId, again[0].RecordId)
	f.hide(arn, 0, again[0])
	return arn, list[2:]
}

func (f *fixture) receive(arn string, limit, visibility int32) []account.QueueRecord {
	f.Helper()
	out, err := f.Receive(f.ctx, false, &account.ReceiveQueueRecordsInput{QueueARN: &arn, Limit: &limit, VisibilityTimeoutSeconds: &visibility, WaitTimeSeconds: ptr(int32(1))}, nil)
	require.NoError(f, err)
	return out.QueueRecords
}

func (f *fixture) acknowledge(arn string, r account.QueueRecord) {
	f.Helper()
	out, err := f.AcknowledgeQueueRecords(f.ctx, &account.QueueRecordsInput{QueueARN: &arn, Entries: []account.QueueEntry{{ReceiptHandle: &r.ReceiptHandle}}})
	require.NoError(f, err)
	require.Empty(f, out.Failed)
}

func (f *fixture) hide(arn string, seconds int32, r account.QueueRecord) {
	f.Helper()
	out, err := f.UpdateQueueRecordsVisibility(f.ctx, &account.QueueVisibilityInput{QueueARN: &arn, Entries: []account.QueueVisibilityEntry{{
		ReceiptHandle: &r.ReceiptHandle, VisibilityTimeoutSeconds: &seconds}}})
	require.NoError(f, err)
	require.Empty(f, out.Failed)
}

// goesOn requires that the queue of withWork goes on where it was.
func (f *fixture) goesOn(arn string, inFlight []account.QueueRecord) {
	f.Helper()
	dead, err := f.ReceiveDeadLetterQueueRecords(f.ctx, &account.ReceiveQueueRecordsInput{QueueARN: &arn})
	require.NoError(f, err)
	require.Len(f, dead.QueueRecords, 1, "dead stays dead")
	assert.Equal(f, int32(3), dead.QueueRecords[0].ReceiveCount, "and its count is kept")
	f.acknowledge(arn, inFlight[0]) // its handle is still good
	var data []string
	for _, r := range f.receive(arn, 10, 300) {
		data = append(data, string(r.Data))
		f.acknowledge(arn, r)
	}
	assert.Len(f, data, 3, "those in flight stay hidden, the others are delivered")
	f.clock.Advance(300 * time.Second)
	rest := f.receive(arn, 10, 300)
	require.Len(f, rest, 1, "what is acknowledged stays away")
	assert.Equal(f, inFlight[1].RecordId, rest[0].RecordId)
	assert.Equal(f, int32(2), rest[0].ReceiveCount)
	assert.Equal(f, inFlight[1].FirstReceiveTimestamp, rest[0].FirstReceiveTimestamp)
}

// A process that is killed: what a queue has answered is there afterwards.
func TestQueues_killed_129(t *testing.T) {
	f, dir := newOnDisk(t, account.Instant())
	arn, inFlight := f.withWork()
	after := f.killed(dir, account.Instant())
	after.goesOn(arn, inFlight)
	require.NoError(t, after.Close())

	_, err := f.DeleteQueue(f.ctx, &account.DeleteQueueInput{QueueARN: &arn})
	require.NoError(t, err)
	streams := filepath.Join(dir, "streams")
	assert.False(t, slices.ContainsFunc(everythingOnDisk(t, filepath.Join(streams, everythingOnDisk(t, streams)[0])),
		func(name string) bool { return strings.HasPrefix(name, "queue") }), "the queue's directory goes")
}

// Save and Load keep a queue in memory likewise.
func TestQueues_saved_129(t *testing.T) {
	f := newAccount(t, account.Instant())
	arn, inFlight := f.withWork()
	settings, streams, err := f.Save()
	require.NoError(t, err)
	var saved bytes.Buffer
	require.Len(t, streams, 1)
	require.NoError(t, streams[0].Save(&saved))
	c := account.Instant()
	c.ID, c.Now = id, f.clock.Now
	a, err := account.Load(c, settings, func(_ string, c weir.Config) (*weir.Stream, error) { return weir.LoadStream(&saved, c) })
	require.NoError(t, err)
	(&fixture{T: t, Account: a, ctx: t.Context(), clock: f.clock}).goesOn(arn, inFlight)
}

// A queue whose directory is lost is not taken for a new one; one that nobody
// knows of is removed.
func TestQueues_directories(t *testing.T) {
	f, dir := newOnDisk(t, account.Instant())
	arn, inFlight := f.withWork()
	require.NoError(t, f.Close())
	stream := filepath.Join(dir, "streams", "0000000000000001-D.stream")
	_, id, _ := bytes.Cut([]byte(arn), []byte("queue/"))
	own, left := filepath.Join(stream, "queue-"+string(id)), filepath.Join(stream, "queue-left")
	require.NoError(t, os.CopyFS(left, os.DirFS(own)))
	f = openAt(t, dir, account.Instant(), f.clock)
	assert.NoDirExists(t, left)
	f.goesOn(arn, inFlight)
	require.NoError(t, f.Close())
	require.NoError(t, os.RemoveAll(own))
	_, err := account.Open(dir, account.Config{ID: "123456789012"})
	require.ErrorIs(t, err, weir.ErrDamaged)
	assert.ErrorContains(t, err, "queue q: ")
}

// A queue that is CREATING or DELETING delivers nothing after a kill either.
func TestQueues_killedWhileChanging(t *testing.T) {
	f, dir := newOnDisk(t, withDelays())
	f.createOnDemand("D", "")
	created, err := f.CreateQueue(f.ctx, &account.CreateQueueInput{QueueName: ptr("q"),
		StreamConfigurationList: []account.QueueStreamConfiguration{{StreamARN: ptr(arnD)}}})
	require.NoError(t, err)
	in := &account.ReceiveQueueRecordsInput{QueueARN: &created.QueueDescription.QueueARN}
	after := f.killed(dir, withDelays())
	_, err = after.ReceiveQueueRecords(f.ctx, in)
	after.failsAs(err, account.CodeResourceNotFound)
	require.NoError(t, after.Close())
	f.clock.Advance(account.DefaultQueueDelay)
	_, err = f.DeleteQueue(f.ctx, &account.DeleteQueueInput{QueueARN: in.QueueARN})
	require.NoError(t, err)
	after = f.killed(dir, withDelays())
	_, err = after.ReceiveQueueRecords(f.ctx, in)
	after.failsAs(err, account.CodeResourceNotFound)
	after.clock.Advance(account.DefaultQueueDelay)
	_, err = after.DescribeQueue(f.ctx, &account.DescribeQueueInput{QueueARN: in.QueueARN})
	after.failsAs(err, account.CodeResourceNotFound)
}
