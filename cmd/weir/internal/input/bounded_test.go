package input_test

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/cmd/weir/internal/input"
)

func TestReadAll_bound(t *testing.T) {
	text, err := input.ReadAll(strings.NewReader("1234"), 4)
	assert.NoError(t, err)
	assert.Equal(t, "1234", string(text))
	_, err = input.ReadAll(strings.NewReader("12345"), 4)
	assert.EqualError(t, err, "is larger than 4 bytes")
	broken := errors.New("broken")
	_, err = input.ReadAll(iotest.ErrReader(broken), 4)
	assert.ErrorIs(t, err, broken)
}
