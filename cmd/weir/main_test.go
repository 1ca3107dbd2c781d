package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asProgram, in the environment, makes the test binary the program itself.
const asProgram = "WEIR_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		if len(os.Args) == 2 && os.Args[1] == echoes {
			echo()
		}
		main()
	}
	os.Exit(m.Run())
}

// A process is a weir serve of its own.
type process struct {
	*exec.Cmd
	addr  string
	ready time.Duration // from its start until its line was there
}

// serve starts the program and waits until it is ready.
func serve(tb testing.TB, args ...string) *process {
	tb.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)}
	p.Env = append(os.Environ(), asProgram+"=1")
	out, err := p.StdoutPipe()
	require.NoError(tb, err)
	begin := time.Now()
	require.NoError(tb, p.Start())
	tb.Cleanup(func() {
		if p.ProcessState == nil {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	p.ready = time.Since(begin)
	require.NoError(tb, err)
	p.addr = strings.TrimPrefix(strings.TrimSpace(line), "weir: listening on http://")
	return p
}

func (p *process) signal(tb testing.TB, s os.Signal) {
	tb.Helper()
	require.NoError(tb, p.Process.Signal(s))
}

func TestServe_signals(t *testing.T) {
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			p := serve(t)
			p.signal(t, s)
			require.NoError(t, p.Wait(), "exit status 0")
		})
	}
}

func TestServe_secondSignalEndsAtOnce(t *testing.T) {
	p := serve(t, "--drain", "1h")
	conn, err := net.Dial("tcp", p.addr)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.1\r\n"+
		"X-Amz-Target: Kinesis_20131202.ListStreams\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
	require.NoError(t, err)
	_, err = io.ReadFull(conn, make([]byte, 1)) // of 100 Continue: the request is under way
	require.NoError(t, err)

	p.signal(t, syscall.SIGTERM)
	for { // until it has heard the first signal
		conn, err := net.Dial("tcp", p.addr)
		if err != nil {
			break
		}
		conn.Close()
	}
	p.signal(t, syscall.SIGTERM)
	var failed *exec.ExitError
	require.ErrorAs(t, p.Wait(), &failed)
	assert.Equal(t, syscall.SIGTERM, failed.Sys().(syscall.WaitStatus).Signal())
}

// BenchmarkServe_ready measures the time from the start of a process until it says
// that it is ready. The test binary is larger than the program, and starts slower.
func BenchmarkServe_ready(b *testing.B) {
	var times []time.Duration
	for b.Loop() {
		p := serve(b)
		times = append(times, p.ready)
		p.signal(b, syscall.SIGTERM)
		require.NoError(b, p.Wait())
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms/median")
}

// call calls an operation of a process, which must succeed, and returns the
// body of its answer.
func (p *process) call(tb testing.TB, operation, body string) string {
	tb.Helper()
	status, text := p.answer(tb, operation, body)
	require.Equal(tb, http.StatusOK, status, text)
	return text
}

// answer calls an operation of a process and returns status and body of its
// answer.
func (p *process) answer(tb testing.TB, operation, body string) (status int, text string) {
	tb.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+p.addr, strings.NewReader(body))
	require.NoError(tb, err)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+operation)
	response, err := http.DefaultClient.Do(r)
	require.NoError(tb, err)
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	require.NoError(tb, err)
	return response.StatusCode, string(b)
}

// With --sync 1h a process that is killed takes with it what was put. Were the
// next one to go on with the numbers that are lost, a consumer that resumes with
// one of them would never get the records that were put in the meantime, without
// an error.
func TestServe_positionOfWhatIsLostIsRefused(t *testing.T) {
	dir := t.TempDir()
	p := serve(t, "--state", dir, "--sync", "1h", "--stream", "orders", "--limits", "none")
	put := func(data string) (number string) {
		t.Helper()
		var out struct{ SequenceNumber string }
		body := fmt.Sprintf(`{"StreamName":"orders","PartitionKey":"k","Data":%q}`, base64.StdEncoding.EncodeToString([]byte(data)))
		require.NoError(t, json.Unmarshal([]byte(p.call(t, "PutRecord", body)), &out))
		return out.SequenceNumber
	}
	iterator := func(number string) string {
		return fmt.Sprintf(`{"StreamName":"orders","ShardId":"shardId-000000000000",
			"ShardIteratorType":"AFTER_SEQUENCE_NUMBER","StartingSequenceNumber":%q}`, number)
	}
	read := func(number string) (list []string, token string) {
		t.Helper()
		var it struct{ ShardIterator string }
		require.NoError(t, json.Unmarshal([]byte(p.call(t, "GetShardIterator", iterator(number))), &it))
		var got struct {
			Records           []struct{ Data []byte }
			NextShardIterator string
		}
		require.NoError(t, json.Unmarshal([]byte(p.call(t, "GetRecords", fmt.Sprintf(`{"ShardIterator":%q}`, it.ShardIterator))), &got))
		for _, r := range got.Records {
			list = append(list, string(r.Data))
		}
		return list, got.NextShardIterator
	}
	first := put("first")
	kept := put("kept")
	p.signal(t, syscall.SIGTERM) // which writes
	require.NoError(t, p.Wait())

	p = serve(t, "--state", dir, "--sync", "1h", "--limits", "none")
	var lost []string
	for i := range 10 {
		lost = append(lost, put(fmt.Sprint("lost-", i)))
	}
	list, token := read(lost[4]) // a consumer is at work, and reads all there is
	require.Len(t, list, 5)
	require.NoError(t, p.Process.Kill())
	require.Error(t, p.Wait())

	p = serve(t, "--state", dir, "--sync", "1h", "--limits", "none")
	for i := range 12 {
		put(fmt.Sprint("new-", i))
	}
	for _, number := range lost {
		status, text := p.answer(t, "GetShardIterator", iterator(number))
		assert.Equal(t, http.StatusBadRequest, status)
		assert.Contains(t, text, "InvalidArgumentException")
		assert.Contains(t, text, "StartingSequenceNumber "+number+" used in GetShardIterator on shard shardId-000000000000 "+
			"in stream orders under account 000000000000 is invalid because it did not come from this stream.")
	}
	status, text := p.answer(t, "GetRecords", fmt.Sprintf(`{"ShardIterator":%q}`, token))
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Contains(t, text, "InvalidArgumentException")
	for number, want := range map[string]int{first: 13, kept: 12} {
		list, _ = read(number)
		assert.Len(t, list, want)
		assert.Equal(t, "new-11", list[len(list)-1])
	}
}
