package part_test

import (
	"testing"

	"example.com/weir"
)

func TestPart_ofStream(t *testing.T) { weir.New(weir.Config{}).Forgotten() }
