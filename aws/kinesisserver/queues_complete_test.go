package kinesisserver_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// queueRows is how many rows the checklist of queues has.
const queueRows = 134

// rowInPython is how a check of aws/clients/python says which row it is for.
var rowInPython = regexp.MustCompile(`@check\("Queues: (\d+) `)

// Every row of the queues' checklist has a test, here, in package account, in
// kinesistest or with a client that checks by itself.
func TestQueues_complete(t *testing.T) {
	covered := make(map[int]bool)
	for _, pattern := range []string{"queues_*_test.go", "../account/queues_*_test.go", "../kinesistest/queues_test.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			for row := range rowsOf(t, file) {
				covered[row] = true
			}
		}
	}
	text, err := os.ReadFile("../clients/python/boto3_queues.py")
	require.NoError(t, err)
	for _, m := range rowInPython.FindAllSubmatch(text, -1) {
		row, err := strconv.Atoi(string(m[1]))
		require.NoError(t, err)
		covered[row] = true
	}
	for row := 1; row <= queueRows; row++ {
		assert.True(t, covered[row], "row %d of the queues' checklist has no test", row)
	}
}
