package settings

import (
	"flag"
	"fmt"
	"strings"
)

// Command is what a command line asks for.
type Command struct {
	Settings
	Flags   *flag.FlagSet
	File    string // of the configuration; "" for none
	Check   bool   // only check the settings
	Version bool   // only print the version
}

// Parse reads the arguments that follow the program's name, and the file that
// they name. Its error is flag.ErrHelp for -h; Flags then has the help.
func Parse(args []string) (Command, error) {
	var c Command
	if len(args) > 0 && args[0] == "check" {
		c.Check, args = true, args[1:]
	}
	c.Settings = Defaults()
	if err := c.read(args); err != nil || c.Version {
		return c, err
	}
	if c.File != "" {
		s, err := load(c.File)
		if err != nil {
			return c, err
		}
		c.Settings = s
		if err := c.read(args); err != nil { // again: it comes before the file
			return c, err
		}
	}
	if c.Flags.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q", c.Flags.Arg(0))
	}
	if err := c.check(); err != nil {
		return c, c.locate(err)
	}
	if !strings.HasSuffix(c.Path, "/") {
		c.Path += "/"
	}
	return c, nil
}

func (c *Command) read(args []string) error {
	c.Flags = newFlagSet()
	c.Flags.StringVar(&c.File, "config", c.File, "read a TOML `file` whose keys are the names of these flags; those given here come first")
	c.Flags.BoolVar(&c.Version, "version", c.Version, "print the version and exit")
	c.define(c.Flags)
	return c.Flags.Parse(args)
}
