package cli

import "github.com/spf13/cobra"

// NewBenchPeers returns the command alone.
func NewBenchPeers() *cobra.Command { return newBenchPeers() }
