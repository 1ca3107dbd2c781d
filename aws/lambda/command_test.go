package lambda_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/lambda"
	"github.com/weirstream/weir/eventsource"
)

// TestMain is the command of the tests if its environment says so.
func TestMain(m *testing.M) {
	if what := os.Getenv("WEIR_TEST_COMMAND"); what != "" {
		os.Exit(behave(what))
	}
	os.Exit(m.Run())
}

// behave is a function in any language.
func behave(what string) int {
	switch what {
	case "echo":
		io.Copy(os.Stdout, os.Stdin)
	case "where":
		dir, _ := os.Getwd()
		fmt.Printf("%q", append(os.Args[1:], dir))
	case "deaf":
		fmt.Print("{}")
	case "fail":
		io.WriteString(os.Stderr, strings.Repeat("x", lambda.MaxErrorBytes)+"no such order\n")
		return 3
	case "talk":
		fmt.Print(strings.Repeat(" ", eventsource.MaxResponseBytes+100_000))
	case "hang":
		if address := os.Getenv("WEIR_TEST_DIAL"); address != "" {
			if _, err := net.Dial("tcp", address); err != nil {
				return 1
			}
		}
		io.WriteString(os.Stderr, "here\n")
		time.Sleep(time.Hour)
	case "parent":
		// The child holds the output open.
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "WEIR_TEST_COMMAND=hang")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Run(); err != nil {
			return 1
		}
	}
	return 0
}

// command returns the function that is this program, as it is told to behave.
func command(t *testing.T, what string, c lambda.CommandConfig) eventsource.Function {
	if c.Args == nil {
		c.Args = []string{os.Args[0]}
	}
	c.Env = append(c.Env, "WEIR_TEST_COMMAND="+what)
	f, err := lambda.Command(c)
	require.NoError(t, err)
	return f
}

func TestCommand_getsTheEventAndAnswers(t *testing.T) {
	for _, event := range []string{oneRecord, `{"Records":["` + strings.Repeat("x", 6<<20) + `"]}`} {
		answer, err := command(t, "echo", lambda.CommandConfig{})(t.Context(), []byte(event))
		require.NoError(t, err)
		assert.True(t, event == string(answer))
		answer, err = command(t, "deaf", lambda.CommandConfig{})(t.Context(), []byte(event))
		require.NoError(t, err)
		assert.Equal(t, "{}", string(answer))
	}
}

func TestCommand_runsWhereAndAsItIsTold(t *testing.T) {
	dir := t.TempDir()
	f := command(t, "where", lambda.CommandConfig{Args: []string{os.Args[0], "one", "two"}, Dir: dir})
	answer, err := f(t.Context(), []byte("{}"))
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("%q", []string{"one", "two", dir}), string(answer))
}

func TestCommand_failsByItsStatus(t *testing.T) {
	var heard bytes.Buffer
	_, err := command(t, "fail", lambda.CommandConfig{Stderr: &heard})(t.Context(), []byte("{}"))
	var said *lambda.FunctionError
	require.ErrorAs(t, err, &said)
	assert.Equal(t, "exit status 3", said.Type)
	assert.True(t, strings.HasSuffix(said.Message, "xno such order"), said.Message)
	assert.LessOrEqual(t, len(said.Message), lambda.MaxErrorBytes)
	assert.NotErrorIs(t, err, eventsource.ErrNotStarted)
	assert.Equal(t, lambda.MaxErrorBytes+len("no such order\n"), heard.Len())
}

func TestCommand_boundsAnswers(t *testing.T) {
	answer, err := command(t, "talk", lambda.CommandConfig{})(t.Context(), []byte("{}"))
	require.NoError(t, err)
	assert.Len(t, answer, eventsource.MaxResponseBytes+1)
}

// A command is killed with its children: a connection of theirs is closed.
func TestCommand_isKilledAtItsTimeout(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	for _, what := range []string{"hang", "parent"} {
		ctx, end := context.WithCancel(t.Context())
		f := command(t, what, lambda.CommandConfig{Env: []string{"WEIR_TEST_DIAL=" + l.Addr().String()}})
		var call sync.WaitGroup
		call.Go(func() {
			_, err := f(ctx, []byte("{}"))
			assert.ErrorIs(t, err, context.Canceled, what)
			assert.NotErrorIs(t, err, eventsource.ErrNotStarted)
		})
		c, err := l.Accept()
		require.NoError(t, err)
		end()
		call.Wait()
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err = c.Read(make([]byte, 1))
		var late net.Error
		assert.False(t, errors.As(err, &late) && late.Timeout(), "%s lives", what)
		assert.NoError(t, c.Close())
	}
	_, err = command(t, "hang", lambda.CommandConfig{Timeout: 2 * time.Second})(t.Context(), []byte("{}"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.NotErrorIs(t, err, eventsource.ErrNotStarted)
}

// Who waits for a command to end has not begun anything.
func TestCommand_boundsHowManyRun(t *testing.T) {
	running := make(signal, 1)
	f := command(t, "hang", lambda.CommandConfig{Concurrency: 1, Stderr: running})
	ctx, end := context.WithCancel(t.Context())
	var first sync.WaitGroup
	first.Go(func() {
		_, err := f(ctx, []byte("{}"))
		assert.ErrorIs(t, err, context.Canceled)
		assert.NotErrorIs(t, err, eventsource.ErrNotStarted)
	})
	<-running
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := f(short, []byte("{}"))
	assert.ErrorIs(t, err, eventsource.ErrNotStarted)
	end()
	first.Wait()
}

// A signal tells that something was written.
type signal chan struct{}

func (s signal) Write(b []byte) (int, error) {
	s <- struct{}{}
	return len(b), nil
}

// A program that is gone was not begun.
func TestCommand_whatCannotBeStarted(t *testing.T) {
	f := command(t, "echo", lambda.CommandConfig{Dir: t.TempDir() + "/gone"})
	_, err := f(t.Context(), []byte("{}"))
	assert.ErrorIs(t, err, eventsource.ErrNotStarted)
}

func TestCommand_namesWhatIsWrong(t *testing.T) {
	good := []string{os.Args[0]}
	for _, row := range []struct {
		config lambda.CommandConfig
		want   string
	}{
		{lambda.CommandConfig{}, "Args: is empty"},
		{lambda.CommandConfig{Args: []string{""}}, "Args: is empty"},
		{lambda.CommandConfig{Args: []string{"no-such-program-anywhere"}}, `Args: exec: "no-such-program-anywhere"`},
		{lambda.CommandConfig{Args: good, Env: []string{"A=b", "c"}}, `Env[1]: "c" is not KEY=value`},
		{lambda.CommandConfig{Args: good, Timeout: -1}, "Timeout: -1ns is not 0 to 15m0s"},
		{lambda.CommandConfig{Args: good, Concurrency: 1001}, "Concurrency: 1001 is not 1 to 1000"},
	} {
		_, err := lambda.Command(row.config)
		require.ErrorIs(t, err, weir.ErrInvalidArgument)
		assert.ErrorContains(t, err, row.want)
	}
}
