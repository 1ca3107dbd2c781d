package kinesistest

import (
	"cmp"

	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/aws/account"
)

// QueueARN returns the ARN of a queue over a stream, creating it first, from the
// trim horizon on, if there is none of that name.
func (k *Fake) QueueARN(stream, name string) string {
	k.t.Helper()
	list, err := k.account.ListQueues(arranging, &account.ListQueuesInput{})
	for err == nil {
		for _, q := range list.QueueSummaries {
			if q.QueueName == name {
				return q.QueueARN
			}
		}
		if list.NextToken == "" {
			break
		}
		list, err = k.account.ListQueues(arranging, &account.ListQueuesInput{NextToken: &list.NextToken})
	}
	arn, err := k.createQueue(stream, name)
	if err != nil {
		k.t.Fatalf("kinesistest: queue %q of stream %q: %v", name, stream, err)
	}
	return arn
}

// createQueue creates a queue, and returns its ARN.
func (k *Fake) createQueue(stream, name string) (string, error) {
	out, err := k.account.CreateQueue(arranging, &account.CreateQueueInput{
		QueueName: &name,
		StreamConfigurationList: []account.QueueStreamConfiguration{{
			StreamARN:        account.Ptr(k.StreamARN(stream)),
			StartingPosition: &account.QueueStartingPosition{Type: account.Ptr(account.IteratorTrimHorizon)},
		}},
	})
	if err != nil {
		return "", err
	}
	return out.QueueDescription.QueueARN, nil
}

// locateQueue finds out which queue the call is about.
func (c *Call) locateQueue() {
	if c.Queue = c.request.text("QueueName", false); c.Queue != "" {
		return
	}
	for _, member := range []string{"QueueARN", "ResourceARN"} {
		if arn := c.request.text(member, false); strings.Contains(arn, ":queue/") {
			name, stream := c.fake.account.QueueOf(arn)
			c.Queue, c.Stream = name, cmp.Or(c.Stream, stream)
		}
	}
}

// isOfRecords reports whether an operation is one on the records of a queue.
func isOfRecords(op string) bool {
	return strings.Contains(op, "QueueRecords")
}

// isOfEntries reports whether an operation on a queue's records has entries.
func isOfEntries(op string) bool { return isOfRecords(op) && !strings.HasPrefix(op, "Receive") }

// failEntries has the server do what a call asks for those of its entries that
// are not chosen. The others fail with an error.
func (k *Fake) failEntries(w http.ResponseWriter, r *http.Request, c *Call, e *effect) {
	tree, err := c.request.tree()
	list, _ := tree["Entries"].([]any)
	if err != nil || len(list) == 0 {
		k.answer(w, r, c, e) // the server knows what is wrong
		return
	}
	var rest []any
	failed := []any{}
	failure := c.failure(cmp.Or[error](e.err, Throttling))
	for i, entry := range list {
		if members, ok := entry.(map[string]any); ok && e.chooses(i) {
			failed = append(failed, map[string]any{
				"ReceiptHandle": members["ReceiptHandle"], "ErrorCode": inStream(failure.code), "ErrorMessage": failure.message})
			continue
		}
		rest = append(rest, entry)
	}
	done := []any{}
	if len(rest) > 0 {
		tree["Entries"] = rest
		a := k.ask(r, c, c.request.withTree(tree))
		if c.Err != nil {
			k.write(w, c, a)
			return
		}
		out, _ := c.response.tree()
		done, _ = out["Successful"].([]any)
		others, _ := out["Failed"].([]any)
		failed = append(failed, others...)
	}
	k.writeTree(w, c, map[string]any{"Successful": done, "Failed": failed})
}

// chooses reports whether an entry of an index is to fail.
func (e *effect) chooses(i int) bool { return e.which == nil || slices.Contains(e.index, i) }

// SawRecords tells that the consumer saw records of a queue.
func (c *Checker) SawRecords(records ...account.QueueRecord) {
	for _, r := range records {
		c.SawRecordID(r.RecordId)
	}
}

// SawRecordID tells that the consumer saw the record of a RecordId, by which a
// queue names it.
func (c *Checker) SawRecordID(id string) {
	c.mu.Lock()
	r, ok := c.byID[id]
	c.mu.Unlock()
	if !ok {
		byID := make(map[string]Record)
		for _, r := range c.fake.Records(c.stream) {
			byID[c.fake.account.RecordID(c.stream, r.SequenceNumber)] = r
		}
		c.mu.Lock()
		c.byID = byID
		r, ok = c.byID[id]
		c.mu.Unlock()
	}
	if !ok {
		c.stranger("record id " + strconv.Quote(shorten(id, 64)))
		return
	}
	c.saw(r.PartitionKey, r.id())
}
