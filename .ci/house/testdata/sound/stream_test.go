package weir_test

import (
	"testing"

	"example.com/weir"
)

func TestStream_forgotten(t *testing.T) { weir.New(weir.Config{}).Forgotten() }
