# Completion of vcx for fish. Made from the commands by `npm run completion`; not to be edited.
function __vcx_in --description 'the command is this one'
    set -l words (commandline -opc)
    set -l last (math 1 + (count $argv))
    test (count $words) -ge $last; and test "$words[2..$last]" = "$argv"
end
function __vcx_at --description 'these words are there and no more'
    set -l words (commandline -opc)
    set -e words[1]
    test "$words" = "$argv"
end
complete -c vcx -f
complete -c vcx -n '__vcx_at ' -a create -d 'create a virtual ConnectX'
complete -c vcx -n '__vcx_at ' -a exec -d 'run a command on a virtual ConnectX'
complete -c vcx -n '__vcx_at ' -a set -d 'change a virtual ConnectX'
complete -c vcx -n '__vcx_at ' -a show -d 'show the state of a virtual ConnectX'
complete -c vcx -n '__vcx_at ' -a help -d 'show what a command does'
complete -c vcx -n '__vcx_in create' -l json -d 'print the result as JSON'
complete -c vcx -n '__vcx_in create' -l kek -r -F -a 'file: fd: cred: cmd: keyring:' -d 'import KEK'
complete -c vcx -n '__vcx_in create' -l kek-format -x -a 'raw hex base64' -d 'encoding of the KEK'
complete -c vcx -n '__vcx_in create' -l kek-id -x -d 'id of the import KEK on the NIC'
complete -c vcx -n '__vcx_in create' -l credential -r -F -a 'file: fd: cred: cmd: keyring:' -d 'credential'
complete -c vcx -n '__vcx_in create' -l credential-format -x -a 'raw hex base64' -d 'encoding of the credential'
complete -c vcx -n '__vcx_in create' -l credential-id -x -d 'id of the credential on the NIC'
complete -c vcx -n '__vcx_in create' -l commissioning -d 'as it comes from the factory'
complete -c vcx -n '__vcx_in create' -l import-mode -x -a 'wrapped plaintext' -d 'how it takes DEKs'
complete -c vcx -n '__vcx_in create' -l log-max-deks -x -d 'room for 2^N DEKs'
complete -c vcx -n '__vcx_in create' -l group -x -d 'group, by name or number, whose members may open the devices too, but not read DIR/officer'
complete -c vcx -n '__vcx_in create' -l devices -x -d 'number of devices, from mlx5_0 on'
complete -c vcx -n '__vcx_in create' -l help -s h -d 'show what it does'
complete -c vcx -n '__vcx_in create' -F
complete -c vcx -n '__vcx_in exec' -l help -s h -d 'show what it does'
complete -c vcx -n '__vcx_in exec' -F
complete -c vcx -n '__vcx_in set' -l json -d 'print the result as JSON'
complete -c vcx -n '__vcx_in set' -l device -x -d 'change only this device, such as mlx5_1'
complete -c vcx -n '__vcx_in set' -l help -s h -d 'show what it does'
complete -c vcx -n '__vcx_in set' -F
complete -c vcx -n '__vcx_in show' -l json -d 'print the result as JSON'
complete -c vcx -n '__vcx_in show' -l help -s h -d 'show what it does'
complete -c vcx -n '__vcx_in show' -F
