// Package settings is what the program can be told: by flags, and by a
// configuration file in TOML. Both have the same names: a key of a table is the
// flag table-key, so [cors] origins is -cors-origins. What the command line
// says comes before what the file says.
//
// Values are checked when they are read. The rest, such as the largest of each
// number, is checked by sio.New, whose errors Explain translates.
package settings
