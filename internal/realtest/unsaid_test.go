package realtest

// unsaid are the commands of the table that no caller says, with the reason.
var unsaid = map[string]string{}
