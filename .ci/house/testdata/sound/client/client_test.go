package client_test

import (
	"testing"

	"example.com/weir/client"
)

func TestOpen_puts(t *testing.T) { client.Open("a").Put(1) }
