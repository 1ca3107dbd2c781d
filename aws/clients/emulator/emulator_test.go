// Package emulator drives a function of Lambda under the genuine runtime
// interface emulator, with an event source.
package emulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/lambda"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/eventsource"
	"github.com/weirstream/weir/lease"
)

const emulatorPackage = "github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie"

// build builds a command.
func build(t *testing.T, pkg string) string {
	path := filepath.Join(t.TempDir(), filepath.Base(pkg))
	out, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// free returns an address that nobody listens on.
func free(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// start starts the emulator with a function, and returns where it is.
func start(t *testing.T, function ...string) string {
	address := free(t)
	args := append([]string{"--runtime-interface-emulator-address", address, "--runtime-api-address", free(t)}, function...)
	c := exec.Command(build(t, emulatorPackage), args...)
	c.Env = append(os.Environ(), "AWS_LAMBDA_FUNCTION_TIMEOUT=2")
	log, err := os.Create(filepath.Join(t.TempDir(), "emulator.log"))
	require.NoError(t, err)
	c.Stdout, c.Stderr = log, log
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
		log.Close()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("the emulator said:\n%s", text)
		}
	})
	return "http://" + address
}

// Every way in which a function can end, one record a batch: those that fail are
// given up after two attempts, and all is told by the function's own words.
func TestEmulator_aFunctionOfGo(t *testing.T) {
	drive(t, start(t, build(t, "./function")), `{"batchItemFailures":null}`, map[string]string{
		"error": "errorString: cannot sell that", "panic": "string: oh", "exit": "Runtime.ExitError", "hang": "Task timed out after 2.00 seconds",
	})
}

// The same in Python, by the runtime that Lambda has for it; aws/clients/run puts
// it into the directory .venv.
func TestEmulator_aFunctionOfPython(t *testing.T) {
	python, err := filepath.Abs(".venv/bin/python")
	require.NoError(t, err)
	drive(t, start(t, python, "-m", "awslambdaric", "function.handle"), `{"batchItemFailures":[]}`, map[string]string{
		"error": "ValueError: cannot sell that", "panic": "Panic: oh", "exit": "Runtime.ExitError", "hang": "Task timed out after 2.00 seconds",
	})
}

// drive runs records through the function behind a URL, and looks at what it
// says of each.
func drive(t *testing.T, url, success string, failures map[string]string) {
	s, err := weir.NewStream("orders", weir.Config{})
	require.NoError(t, err)
	texts := []string{"one", "error", "two", "panic", "exit", "three", "hang", "partial", "four"}
	for _, text := range texts {
		_, err := s.PutRecord(t.Context(), "k", []byte(text))
		require.NoError(t, err)
	}
	f, err := lambda.Endpoint(lambda.EndpointConfig{URL: url, Timeout: 30 * time.Second})
	require.NoError(t, err)
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	var mu sync.Mutex
	said := make(map[string]string) // of records, by what they say
	attempts := make(map[string]int)
	at := 0 // the record that is tried
	var failed []string
	retries := 1
	source, err := eventsource.New(eventsource.Config{
		Settings: eventsource.Settings{StartingPosition: eventsource.TrimHorizon, BatchSize: 1, MaximumRetryAttempts: &retries,
			FunctionResponseTypes: []string{eventsource.ReportBatchItemFailures}},
		Function: func(ctx context.Context, event []byte) ([]byte, error) {
			answer, err := f(ctx, event)
			mu.Lock()
			defer mu.Unlock()
			text := texts[at]
			if errors.Is(err, eventsource.ErrNotStarted) { // the emulator is not up yet
				return nil, err
			}
			attempts[text]++
			switch {
			case err != nil:
				said[text] = err.Error()
			case text != "partial":
				at++
				said[text] = string(answer)
			default:
				said[text] = "reported"
			}
			if at == len(texts) {
				stop()
			}
			return answer, err
		},
		OnFailure: eventsource.DestinationFunc(func(_ context.Context, f *eventsource.Failure) error {
			mu.Lock()
			defer mu.Unlock()
			failed = append(failed, fmt.Sprintf("%s %d", texts[at], f.RequestContext.ApproximateInvokeCount))
			at++
			return nil
		}),
		Group: consumer.Config{Streams: []client.Stream{client.Embedded(s)}, Store: new(lease.Memory)},
	})
	require.NoError(t, err)
	require.NoError(t, source.Run(ctx))
	assert.Equal(t, []string{"error 2", "panic 2", "exit 2", "hang 2", "partial 2"}, failed)
	assert.Equal(t, map[string]int{"one": 1, "error": 2, "two": 1, "panic": 2, "exit": 2, "three": 1, "hang": 2, "partial": 2, "four": 1}, attempts)
	for _, text := range []string{"one", "two", "three", "four"} {
		assert.JSONEq(t, success, said[text])
	}
	assert.Equal(t, "reported", said["partial"])
	for text, want := range failures {
		assert.Contains(t, said[text], want)
	}
}

// Nobody behind the address: no attempt is counted, and nothing is given up.
func TestEmulator_thatIsNotThere(t *testing.T) {
	f, err := lambda.Endpoint(lambda.EndpointConfig{URL: "http://" + free(t)})
	require.NoError(t, err)
	_, err = f(t.Context(), []byte("{}"))
	assert.ErrorIs(t, err, eventsource.ErrNotStarted)
}
