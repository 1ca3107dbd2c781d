package cli

import "github.com/spf13/cobra"

// Parse reads a command line as [Run] does, and runs nothing.
func Parse(args []string) error {
	c, rest, err := newRoot(func(string) string { return "" }).Find(args)
	if err != nil {
		return err
	}
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	return c.ValidateArgs(c.Flags().Args())
}

// HelpExamples returns what the help of each command has as examples, by its name.
func HelpExamples() map[string]string {
	examples := make(map[string]string)
	var add func(*cobra.Command)
	add = func(c *cobra.Command) {
		if c.Example != "" {
			examples[c.CommandPath()] = c.Example
		}
		for _, sub := range c.Commands() {
			add(sub)
		}
	}
	add(newRoot(func(string) string { return "" }))
	return examples
}
