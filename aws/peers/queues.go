package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// The part on queues: receive ten and acknowledge them, over and over, from 16
// connections, of a queue that was filled before the clock starts. The peers
// are emulators of SQS, whose operations for it are the same but in name.

const (
	partQueue = "queue"

	nameGoaws = "goaws"
	nameElast = "ElasticMQ"

	queueConns = 16
	queueBatch = 10
	// How much a queue is filled with: more than is received in a round, but not so
	// much that a peer is held up by what lies in it.
	weirBacklog = 300_000
	peerBacklog = 15_000
)

// A worker's dialect is how a server is asked for ten records, and told that they
// are done.
type dialect struct {
	receive []byte
	// begin and end are around a handle in the answer.
	begin, end string
	// acknowledge appends the request that says that handles are done.
	acknowledge func(dst []byte, handles [][]byte) []byte
}

// A queueKind is a server with queues that can be started.
type queueKind struct {
	kind
	backlog int
	// fill makes a queue of a name with so many records, and says how to work on it.
	fill func(s *server, name string, records int) (dialect, error)
}

// queueKinds returns what can be started here.
func queueKinds(weir kind, peers string) []queueKind {
	list := []queueKind{{weir, weirBacklog, fillWeir}}
	if program := filepath.Join(peers, "bin", "goaws"); exists(program) {
		list = append(list, queueKind{kind{nameGoaws, func(ctx context.Context, port int) *exec.Cmd {
			return exec.CommandContext(ctx, program, "-config", goawsConfig(port), "Local")
		}, ""}, peerBacklog, fillGoaws})
	}
	if jars := filepath.Join(peers, "elasticmq", "target", "lib"); exists(jars) {
		list = append(list, queueKind{kind{nameElast, func(ctx context.Context, port int) *exec.Cmd {
			return exec.CommandContext(ctx, "java", fmt.Sprintf("-Drest-sqs.bind-port=%d", port), "-Drest-sqs.bind-hostname=127.0.0.1",
				"-Drest-stats.enabled=false", "-cp", filepath.Join(jars, "*"), "org.elasticmq.server.Main")
		}, ""}, peerBacklog, fillElasticMQ})
	}
	return list
}

// goawsConfig writes a configuration for a port, and returns its path.
func goawsConfig(port int) string {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("goaws-%d.yaml", port))
	text := fmt.Sprintf("Local:\n  Host: 127.0.0.1\n  Port: %d\n  AccountId: \"100010001000\"\n  LogToFile: false\n", port)
	_ = os.WriteFile(path, []byte(text), 0o600) // or it does not start
	return path
}

// queues puts all servers with queues under the load, one after the other in each
// round.
func (b bench) queues(ctx context.Context, r *report) error {
	if !b.runs(partQueue) {
		return nil
	}
	r.queues = make(map[string][]round)
	for _, k := range queueKinds(b.kinds[0], b.peers) {
		fmt.Fprintln(os.Stderr, "queue:", k.name)
		s, err := k.start(ctx)
		if err != nil {
			return err
		}
		for n := range b.rounds + 1 {
			got, err := k.round(s)
			if err != nil {
				s.stop()
				return fmt.Errorf("%s: queue: %w", k.name, err)
			}
			if n > 0 { // the first warms up
				r.queues[k.name] = append(r.queues[k.name], got)
			}
			if ctx.Err() != nil {
				break
			}
		}
		s.stop()
	}
	return nil
}

// round fills a queue and works on it.
func (k queueKind) round(s *server) (r round, err error) {
	d, err := k.fill(s, uniqueStream(partQueue), k.backlog)
	if err != nil {
		return r, err
	}
	server, client := s.processor(), ownProcessor()
	done, took, err := work(s.addr, d, 1500*time.Millisecond)
	if err != nil || done == 0 {
		return r, errors.Join(err, fmt.Errorf("%d records done", done))
	}
	r.rate = float64(done) / took.Seconds()
	r.cpu = (s.processor() - server) / time.Duration(done)
	r.client = (ownProcessor() - client) / time.Duration(done)
	return r, nil
}

// work has connections receive and acknowledge for some time, or until one of them
// finds nothing. It returns how many records were done, and how long it took.
func work(addr string, d dialect, most time.Duration) (done int, took time.Duration, err error) {
	open := make([]*conn, queueConns)
	for i := range open {
		if open[i], err = dial(addr); err != nil {
			return 0, 0, err
		}
		defer open[i].Close()
		open[i].SetDeadline(time.Now().Add(most + callTimeout))
	}
	dones, errs := make([]int, queueConns), make([]error, queueConns)
	empty := make(chan struct{})
	var once sync.Once
	var wait sync.WaitGroup
	start := time.Now()
	for i, c := range open {
		wait.Go(func() {
			for time.Since(start) < most {
				n, err := d.step(c)
				if dones[i] += n; n == 0 || err != nil {
					errs[i] = err
					once.Do(func() { took = time.Since(start); close(empty) })
					return
				}
				select {
				case <-empty:
					return
				default:
				}
			}
		})
	}
	wait.Wait()
	if took == 0 {
		took = time.Since(start)
	}
	for _, n := range dones {
		done += n
	}
	return done, took, errors.Join(errs...)
}

// step receives once, and acknowledges what it was given.
func (d dialect) step(c *conn) (int, error) {
	var answer []byte
	if err := c.answer(d.receive, &answer); err != nil {
		return 0, err
	}
	var handles [][]byte
	for rest := answer; ; {
		_, after, ok := bytes.Cut(rest, []byte(d.begin))
		if !ok {
			break
		}
		handle, more, _ := bytes.Cut(after, []byte(d.end))
		handles, rest = append(handles, handle), more
	}
	if len(handles) == 0 {
		return 0, nil
	}
	request := d.acknowledge(nil, handles)
	answer = nil
	if err := c.answer(request, &answer); err != nil {
		return 0, err
	}
	if bytes.Contains(answer, []byte("ErrorCode")) || bytes.Contains(answer, []byte("BatchResultErrorEntry")) {
		return 0, fmt.Errorf("not acknowledged: %.300s", answer)
	}
	return len(handles), nil
}

// answer sends a request and appends the body of the answer, which must be a good
// one.
func (c *conn) answer(request []byte, body *[]byte) error {
	status, err := c.call(request, body)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d: %.300s", status, *body)
	}
	return err
}

// fillWeir makes a stream with a queue.
func fillWeir(s *server, name string, records int) (d dialect, err error) {
	if _, err := s.call("CreateStream", map[string]any{"StreamName": name, "StreamModeDetails": map[string]string{"StreamMode": "ON_DEMAND"}}, nil); err != nil {
		return d, err
	}
	var stream struct {
		StreamDescriptionSummary struct{ StreamARN string }
	}
	if _, err := s.call("DescribeStreamSummary", map[string]any{"StreamName": name}, &stream); err != nil {
		return d, err
	}
	var made struct {
		QueueDescription struct{ QueueARN string }
	}
	if _, err := s.call("CreateQueue", map[string]any{"QueueName": name, "StreamConfigurationList": []any{map[string]any{
		"StreamARN": stream.StreamDescriptionSummary.StreamARN, "StartingPosition": map[string]string{"Type": "TRIM_HORIZON"},
	}}}, &made); err != nil {
		return d, err
	}
	c, err := dial(s.addr)
	if err != nil {
		return d, err
	}
	defer c.Close()
	for i := range records / batchSize {
		if err := c.ok(request("/", "PutRecords", putRecords(name, i%distinct))); err != nil {
			return d, err
		}
	}
	about := fmt.Sprintf(`{"QueueARN":%q`, made.QueueDescription.QueueARN)
	return jsonDialect(func(op, body string) []byte { return request("/", op, body) },
		"ReceiveQueueRecords", about+`,"Limit":10,"WaitTimeSeconds":1}`, "AcknowledgeQueueRecords", about+`,"Entries":[`), nil
}

// jsonDialect is that of servers that speak JSON.
func jsonDialect(make func(op, body string) []byte, receive, receiveBody, acknowledge, about string) dialect {
	return dialect{make(receive, receiveBody), `"ReceiptHandle":"`, `"`, func(dst []byte, handles [][]byte) []byte {
		body := []byte(about)
		for i, h := range handles {
			if i > 0 {
				body = append(body, ',')
			}
			body = fmt.Appendf(body, `{"Id":"%d","ReceiptHandle":"%s"}`, i, h)
		}
		return append(dst, make(acknowledge, string(append(body, "]}"...)))...)
	}}
}

// message is the text of a message, as large as the data of a record.
var message = strings.Repeat("0123456789", dataSize/10)

// sqsRequest puts together a request of SQS in JSON.
func sqsRequest(op, body string) []byte {
	return fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-amz-json-1.0\r\n"+
		"X-Amz-Target: AmazonSQS.%s\r\nContent-Length: %d\r\n\r\n%s", op, len(body), body)
}

func fillElasticMQ(s *server, name string, records int) (d dialect, err error) {
	c, err := dial(s.addr)
	if err != nil {
		return d, err
	}
	defer c.Close()
	var made struct{ QueueUrl string }
	var answer []byte
	if err := c.answer(sqsRequest("CreateQueue", fmt.Sprintf(`{"QueueName":%q}`, name)), &answer); err != nil {
		return d, err
	}
	if err := json.Unmarshal(answer, &made); err != nil {
		return d, err
	}
	about := fmt.Sprintf(`{"QueueUrl":%q`, made.QueueUrl)
	var entries []string
	for i := range queueBatch {
		entries = append(entries, fmt.Sprintf(`{"Id":"%d","MessageBody":%q}`, i, message))
	}
	send := sqsRequest("SendMessageBatch", about+`,"Entries":[`+strings.Join(entries, ",")+`]}`)
	for range records / queueBatch {
		if err := c.ok(send); err != nil {
			return d, err
		}
	}
	return jsonDialect(sqsRequest, "ReceiveMessage", about+`,"MaxNumberOfMessages":10}`, "DeleteMessageBatch", about+`,"Entries":[`), nil
}

// goawsRequest puts together a request of SQS as a form, which is what goaws takes.
func goawsRequest(queue, action string, more url.Values) []byte {
	form := url.Values{"Action": {action}, "QueueUrl": {"http://127.0.0.1/100010001000/" + queue}, "QueueName": {queue}}
	for key, values := range more {
		form[key] = values
	}
	body := form.Encode()
	return fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
		"Content-Length: %d\r\n\r\n%s", len(body), body)
}

func fillGoaws(s *server, name string, records int) (d dialect, err error) {
	c, err := dial(s.addr)
	if err != nil {
		return d, err
	}
	defer c.Close()
	if err := c.ok(goawsRequest(name, "CreateQueue", nil)); err != nil {
		return d, err
	}
	more := url.Values{}
	for i := range queueBatch {
		more.Set(fmt.Sprintf("SendMessageBatchRequestEntry.%d.Id", i+1), fmt.Sprint(i))
		more.Set(fmt.Sprintf("SendMessageBatchRequestEntry.%d.MessageBody", i+1), message)
	}
	send := goawsRequest(name, "SendMessageBatch", more)
	for range records / queueBatch {
		if err := c.ok(send); err != nil {
			return d, err
		}
	}
	receive := goawsRequest(name, "ReceiveMessage", url.Values{"MaxNumberOfMessages": {"10"}, "WaitTimeSeconds": {"0"}})
	return dialect{receive, "<ReceiptHandle>", "</ReceiptHandle>", func(dst []byte, handles [][]byte) []byte {
		more := url.Values{}
		for i, h := range handles {
			more.Set(fmt.Sprintf("DeleteMessageBatchRequestEntry.%d.Id", i+1), fmt.Sprint(i))
			more.Set(fmt.Sprintf("DeleteMessageBatchRequestEntry.%d.ReceiptHandle", i+1), string(h))
		}
		return append(dst, goawsRequest(name, "DeleteMessageBatch", more)...)
	}}, nil
}

// printQueues prints what was found of queues.
func (r *report) printQueues(w io.Writer) {
	if len(r.queues) == 0 {
		return
	}
	rows := [][]string{{"receive 10 and acknowledge 10, 100 B, 16 connections", "records/s", "weir ÷ it", "µs of its processor time a record"}}
	weir := median(rates(r.queues[nameWeir]))
	for _, name := range []string{nameWeir, nameGoaws, nameElast} {
		ratio := missing
		if theirs := median(rates(r.queues[name])); theirs > 0 && name != nameWeir {
			ratio = fmt.Sprintf("**%.1f** (goal %d%s)", weir/theirs, queueGoal, verdict(weir/theirs >= queueGoal))
		} else if name == nameWeir {
			ratio = ""
		}
		rows = append(rows, []string{name, spread(r.queues[name]), ratio, cost(r.queues[name])})
	}
	table(w, rows...)
}

// queueGoal is how many times a peer's rate weir is to reach.
const queueGoal = 2

// missedQueues names the peers whose rate weir does not reach often enough, by more
// than the noise: goal Q2.
func (r *report) missedQueues() (missed []string) {
	const noise = 0.9
	weir := median(rates(r.queues[nameWeir]))
	for _, name := range []string{nameGoaws, nameElast} {
		if theirs := median(rates(r.queues[name])); theirs > 0 && weir < noise*queueGoal*theirs {
			missed = append(missed, fmt.Sprintf("Q2, a queue ÷ that of %s: %.2f, must be %d", name, weir/theirs, queueGoal))
		}
	}
	return missed
}
