package main

import "testing"

func TestReport_judgesQueues(t *testing.T) {
	r := report{bench: bench{only: []string{partQueue}}, queues: map[string][]round{
		nameWeir: {{rate: 20}}, nameGoaws: {{rate: 10}}, nameElast: {{rate: 2}},
	}}
	if err := r.judge(); err != nil {
		t.Error(err)
	}
	r.queues[nameGoaws][0].rate = 12
	if err := r.judge(); err == nil {
		t.Error("20 is less than twice 12, by more than a tenth")
	}
}

// A worker reads the handles of an answer, and sends them back.
func TestDialect_handles(t *testing.T) {
	d := jsonDialect(sqsRequest, "ReceiveMessage", "{}", "DeleteMessageBatch", `{"QueueUrl":"u","Entries":[`)
	got := string(d.acknowledge(nil, [][]byte{[]byte("a"), []byte("b")}))
	const want = `{"QueueUrl":"u","Entries":[{"Id":"0","ReceiptHandle":"a"},{"Id":"1","ReceiptHandle":"b"}]}`
	if len(got) < len(want) || got[len(got)-len(want):] != want {
		t.Error(got)
	}
}
